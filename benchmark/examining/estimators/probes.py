"""Linear probes by one recipe for all layers and networks."""

import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PENALTIES = tuple(10.0**power for power in range(-2, 5))


def probe_accuracy(shown: np.ndarray, labels: np.ndarray, judged: np.ndarray, truth: np.ndarray) -> float:
    """Percent of ``judged`` (M, D) that a linear probe classifies as ``truth`` (M,).

    A ridge classifier on standardised features (n, D) with ``labels`` (n,); its penalty is the one of
    :data:`PENALTIES` with the best leave-one-out score on ``shown``, so it sees nothing of what it is judged on.
    """
    probe = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
    return 100.0 * float(probe.fit(shown.astype(np.float64), labels).score(judged.astype(np.float64), truth))
