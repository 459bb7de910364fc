"""How well scores order sources: rank correlations and the price of the pick, for many draws of sources at once.

All take scores and truths (..., S) and `valid` (..., S), which sources count; the leading axes are targets, or draws of
a bootstrap. What scores all sources alike orders nothing: its correlations are 0, and its pick is any of them.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray


def kendall(scores: NDArray, truths: NDArray, valid: NDArray) -> NDArray:
    """Kendall's τ_b, (...): concordant pairs less discordant ones, over those that are tied in neither.

    Kendall, Biometrika 1945; ``scipy.stats.kendalltau`` for each of the leading axes.
    """
    return _correlation(_signs(scores), _signs(truths), _pairs(valid).astype(float))


def weighted_kendall(scores: NDArray, truths: NDArray, valid: NDArray) -> NDArray:
    """Vigna's weighted τ, (...): pairs count with 1/(1 + r_i) + 1/(1 + r_j), so that the top of the list matters most.

    Vigna, WWW 2015: the mean of two, in which r is the rank from 0 on by score, and by truth, each broken by the other;
    ``scipy.stats.weightedtau`` with its default ``rank=True`` for each of the leading axes. Many papers in this field
    print this one and do not say that *both* orders weigh.
    """
    s, t, pairs = _signs(scores), _signs(truths), _pairs(valid)
    by_score = _correlation(s, t, pairs * _weights(scores, truths, valid))
    by_truth = _correlation(s, t, pairs * _weights(truths, scores, valid))
    return (by_score + by_truth) / 2


def pearson(scores: NDArray, truths: NDArray, valid: NDArray) -> NDArray:
    """Pearson's correlation, (...)."""
    a, b = _centred(scores, valid), _centred(truths, valid)
    return _ratio((a * b).sum(-1), np.sqrt((a**2).sum(-1) * (b**2).sum(-1)))


def regret(scores: NDArray, truths: NDArray, valid: NDArray) -> NDArray:
    """What the pick costs, (...), in units of the truth: the best source's less that of the one that scores best.

    Of several that score best, their mean: what picking one of them at random costs.
    """
    top = np.where(valid, scores, -np.inf).max(-1, keepdims=True)
    picked = valid & (scores == top)
    chosen = np.where(picked, truths, 0).sum(-1) / np.maximum(picked.sum(-1), 1)
    best: NDArray = np.where(valid, truths, -np.inf).max(-1)
    return best - chosen


def _of_pairs(x: NDArray) -> tuple[NDArray, NDArray]:
    """Both members of each pair of sources, (..., S (S - 1) / 2) each."""
    i, j = _members(x.shape[-1])
    return x[..., i], x[..., j]


@cache
def _members(sources: int) -> tuple[NDArray, NDArray]:
    return np.triu_indices(sources, 1)


def _pairs(valid: NDArray) -> NDArray:
    one, other = _of_pairs(valid)
    return one & other


def _signs(x: NDArray) -> NDArray:
    """Of the differences of all pairs, (..., pairs)."""
    signs: NDArray = np.sign(np.subtract(*_of_pairs(x)))
    return signs


def _correlation(s: NDArray, t: NDArray, weights: NDArray) -> NDArray:
    """Of the signs of all pairs' differences, with the pairs' weights, (..., pairs) each."""
    sizes = (weights * s**2).sum(-1) * (weights * t**2).sum(-1)
    return _ratio((weights * s * t).sum(-1), np.sqrt(sizes))


def _weights(first: NDArray, second: NDArray, valid: NDArray) -> NDArray:
    """1/(1 + r_i) + 1/(1 + r_j), (..., pairs), r: place in falling order of `first`, then of `second`."""
    order = np.lexsort((-second, -first, ~valid), axis=-1)
    places = np.broadcast_to(np.arange(order.shape[-1]), order.shape)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, places, axis=-1)
    return np.add(*_of_pairs(1 / (1 + rank)))


def _centred(x: NDArray, valid: NDArray) -> NDArray:
    mean = np.where(valid, x, 0).sum(-1, keepdims=True) / np.maximum(valid.sum(-1, keepdims=True), 1)
    centred = np.where(valid, x - mean, 0)
    spread = np.abs(np.where(valid, x, 0)).max(-1, keepdims=True)  # what rounding leaves of a constant is none
    return np.where(np.abs(centred) > 1e-12 * spread, centred, 0)


def _ratio(above: NDArray, below: NDArray) -> NDArray:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
