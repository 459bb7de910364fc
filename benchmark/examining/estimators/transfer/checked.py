"""What every estimator asks of its arguments; copies, so that none writes into its caller's."""

import numpy as np
from numpy.typing import NDArray


def checked(features: NDArray, labels: NDArray) -> tuple[NDArray, NDArray, int]:
    """Features (N, D) as float64, labels (N,) as 0 .. C-1, and C.

    Raises:
        ValueError: they do not fit, are not finite, or there are fewer than two classes.
    """
    f = np.array(features, dtype=np.float64)
    names, y = np.unique(np.asarray(labels), return_inverse=True)
    if f.ndim != 2 or y.shape != (len(f),):
        raise ValueError(f"features are {f.shape} and labels {np.shape(labels)}, not (N, D) and (N,)")
    if not np.isfinite(f).all():
        raise ValueError("features are not finite")
    if len(names) < 2:
        raise ValueError("one class alone cannot be told apart")
    return f, y, len(names)


def checked_probabilities(probabilities: NDArray, pictures: int) -> NDArray:
    """Probabilities (N, Z) as float64.

    Raises:
        ValueError: they are not of N pictures, or rows do not sum to 1.
    """
    p = np.array(probabilities, dtype=np.float64)
    if p.ndim != 2 or len(p) != pictures:
        raise ValueError(f"probabilities are {p.shape}, not of {pictures} pictures")
    if not (np.all(p >= 0) and np.allclose(p.sum(1), 1, atol=1e-4)):
        raise ValueError("probabilities do not sum to 1; give them, not logits")
    return p / p.sum(1, keepdims=True)
