"""Heads that learn from a few labelled features, without anything to tune."""

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression

PENALTY = 10.0  # C of the logistic regression: the inverse of the weight of |w|²/2 beside the summed losses
MOST_ITERATIONS = 1000

Head = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def at_unit_norm(features: np.ndarray) -> np.ndarray:
    """Features (N, D) in float64, each row over its Euclidean length; a row of zeros stays."""
    features = features.astype(np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def logistic(shown: np.ndarray, labels: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Multinomial logistic regression with an L2 penalty.

        minimise over W, b   C Σ_i CE(W f_i + b, y_i) + |W|²/2,   C = 10

    Args:
        shown: features (n, D) to learn from, with ``labels`` (n,).
        judged: features (N, D).

    Returns:
        The class of each of ``judged``, (N,).
    """
    model = LogisticRegression(C=PENALTY, max_iter=MOST_ITERATIONS)
    return np.asarray(model.fit(shown, labels).predict(judged))


def nearest_mean(shown: np.ndarray, labels: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """The class whose mean feature is nearest: argmin_c |f - μ_c|; arguments as of :func:`logistic`."""
    classes = np.unique(labels)
    means = np.stack([shown[labels == c].mean(0) for c in classes])
    return np.asarray(classes[(judged @ means.T - np.square(means).sum(1) / 2).argmax(1)])


HEADS: dict[str, Head] = {"logistic": logistic, "mean": nearest_mean}
