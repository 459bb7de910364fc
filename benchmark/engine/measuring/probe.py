"""Linear probes: how much of the classes a linear classifier reads from each module's output."""

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmark.engine.pictures.loader import Loader
from benchmark.engine.training.evaluate import evaluating
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Diverged

TRAIN_PICTURES = 5000


def linear_probes(method: Method, train: Loader, validation: Loader) -> list[float]:
    """Validation accuracy, in percent, of a linear probe on each hidden module's output.

    Features are the module's output averaged over its positions, of at most ``TRAIN_PICTURES`` training
    pictures without augmentation; the probe is a ridge classifier on standardised features (closed form, so
    that it costs seconds and has no seed). The network is frozen; the test split is not touched.

    Raises:
        Diverged: outputs are not finite.
    """
    x_train, y_train = _features(method, train, TRAIN_PICTURES)
    x_test, y_test = _features(method, validation, None)
    scores = []
    for k, (a, b) in enumerate(zip(x_train, x_test, strict=True)):
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise Diverged(f"The outputs of module {k} are not finite.")
        probe = make_pipeline(StandardScaler(), RidgeClassifier()).fit(a, y_train)
        scores.append(100.0 * float(probe.score(b, y_test)))
    return scores


def _features(method: Method, loader: Loader, limit: int | None) -> tuple[list[np.ndarray], np.ndarray]:
    """Pooled outputs (N, C) of each hidden module, and labels (N,), of the first ``limit`` pictures as stored.

    They are computed in the loader's shuffle; stored order is for the probe, whose sums round by the order of rows.
    """
    order = loader.order(0)
    order = order if limit is None else order[order < limit]
    back = order.argsort()
    pooled: list[list[torch.Tensor]] = [[] for _ in range(method.last)]
    with evaluating([method.modules, method.auxiliaries]):
        for batch in loader.show(order.split(loader.batch_size)):
            for k, h in zip(range(method.last), method.chain(batch.x), strict=False):
                pooled[k].append(method.outputs[k].as_map(h).mean((2, 3)).cpu())
    return [torch.cat(p)[back].numpy() for p in pooled], loader.labels.cpu()[order[back]].numpy()
