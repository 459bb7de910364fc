"""Which methods are certainly above which others, and the ranks that each may then have.

A method is above another only where the paired t interval of their per-seed differences says so, at the level that
Holm's correction for the number of pairs gives it (Holm 1979, "A simple sequentially rejective multiple test
procedure"). The chance that noise alone puts any method of a suite above any other is then at most ``ERROR``, and so
is the chance that any interval of ranks misses the true rank of its method.
"""

import numpy as np
import pandas as pd
from scipy.special import stdtr  # the distribution of t; importing scipy.stats takes a second

from benchmark.tables.columns import ENOUGH

ERROR = 0.05
EXACT = 9  # decimals: what is left of equal accuracies after sums in another order is no difference


def rank_intervals(scores: pd.DataFrame, error: float = ERROR) -> pd.DataFrame:
    """The best and the worst rank that each method may have.

    Args:
        scores: a row a seed, a column a method; accuracy in percent, NaN where the seed is missing.
        error: the chance that any of the intervals misses, by noise.

    Returns:
        Of each method ``rank_low``, 1 and the number of methods certainly above it, and ``rank_high``, the number of
        all methods less those certainly below it.
    """
    above = certainly_above(scores.to_numpy(dtype=float), error)
    low, high = 1 + above.sum(axis=0), len(above) - above.sum(axis=1)
    return pd.DataFrame({"rank_low": low, "rank_high": high}, index=scores.columns)


def certainly_above(scores: np.ndarray, error: float = ERROR) -> np.ndarray:
    """Whether method i is certainly above method j: (methods, methods), of scores (seeds, methods)."""
    n = scores.shape[1]
    first, second = np.triu_indices(n, 1)
    differences = np.round(scores[:, first] - scores[:, second], EXACT)
    certain = holm([p_value(of_pair[~np.isnan(of_pair)]) for of_pair in differences.T], error)
    higher = np.array([np.nansum(of_pair) > 0 for of_pair in differences.T], dtype=bool)
    above = np.zeros((n, n), dtype=bool)
    above[first, second] = certain & higher
    above[second, first] = certain & ~higher
    return above


def p_value(differences: np.ndarray) -> float:
    """Two-sided p of the paired t test; 1 for fewer seeds than a rank needs."""
    n = len(differences)
    if n < ENOUGH or not differences.any():
        return 1.0
    error = differences.std(ddof=1) / n**0.5
    return 0.0 if error == 0 else float(2 * stdtr(n - 1, -abs(differences.mean()) / error))


def holm(p_values: list[float], error: float = ERROR) -> np.ndarray:
    """Which differences are certain: the smallest p at ``error / m`` of all m, the next at ``error / (m - 1)``, ..."""
    p = np.array(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    passed = p[order] <= error / np.arange(len(p), 0, -1)
    certain = np.zeros(len(p), dtype=bool)
    certain[order] = np.logical_and.accumulate(passed)  # the first that fails ends it
    return certain
