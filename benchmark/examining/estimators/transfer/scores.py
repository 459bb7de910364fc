"""All estimators by name: of features and labels, or of the source's probabilities and labels."""

from collections.abc import Callable

from numpy.typing import NDArray

from benchmark.examining.estimators.transfer.conditional import leep, nce, nleep
from benchmark.examining.estimators.transfer.evidence import logme
from benchmark.examining.estimators.transfer.scatter import etran, gbc, h_score, sfda

Estimator = Callable[[NDArray, NDArray], float]
FROM_FEATURES: dict[str, Estimator] = {
    "logme": logme,
    "nleep": nleep,
    "h_score": h_score,
    "sfda": sfda,
    "etran": etran,
    "gbc": gbc,
}
FROM_PROBABILITIES: dict[str, Estimator] = {"leep": leep, "nce": nce}
