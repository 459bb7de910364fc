"""Which methods are certainly above which others, and the ranks that each may then have.

Three seeds say little of a method's scatter: the t test of one pair alone has 2 degrees of freedom, and after the
correction for some 400 pairs only differences of 90 standard errors would pass it. So the scatters of all methods of a
suite are estimated together, each drawn towards what they have in common as far as they are alike (Smyth 2004, "Linear
models and empirical Bayes methods for assessing differential expression in microarray experiments"). What they have in
common grows with the error, as a power of it that is fitted to the suite: on Fashion-MNIST methods that reach 90 %
scatter by a quarter of a point, those that reach 35 % by five points, and as estimates of one and the same scatter they
would tell nothing of each other (the trend of Law et al. 2014, "voom: precision weights unlock linear model analysis
tools for RNA-seq read counts"). No scatter is taken for less than what its own seeds say: one method that scatters ten
times as much as its like would else be above or below some of them by noise in a quarter of all suites. What a seed
does to all methods alike is no scatter: differences are those of the same seed.

A method is above another only where the t test with these variances says so at the level that Holm's correction for
the number of pairs gives it. The chance that noise alone puts any method of a suite above any other is then about
``ERROR``, and so is the chance that any interval of ranks misses the true rank of its method.
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import digamma, polygamma, stdtr  # importing scipy.stats takes a second

from benchmark.holm import holm_adjusted
from benchmark.schema.record import EXACT
from benchmark.tables.columns import ENOUGH

ERROR = 0.05
LEAST = 0.02  # points, two pictures of 10,000: that seeds scatter by less is chance, be they ever so few
WIDEST = 1e6  # degrees of freedom that are as good as infinitely many
TREND = 10  # methods: of fewer, how scatter grows with the error would be read from luck


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
    differences, p = compared(scores)
    certain = holm_adjusted(p) <= error
    above = np.zeros((n, n), dtype=bool)
    above[first, second] = certain & (differences > 0)
    above[second, first] = certain & (differences < 0)
    return above


def compared(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean difference and two-sided p of each pair of methods, in the order of ``np.triu_indices``.

    Only seeds count that all methods have; of fewer than a rank needs every p is 1.

    Args:
        scores: (seeds, methods).
    """
    scores = scores[~np.isnan(scores).any(axis=1)]
    seeds, methods = scores.shape
    first, second = np.triu_indices(methods, 1)
    if seeds < ENOUGH or methods < 2:
        return np.zeros(len(first)), np.ones(len(first))
    differences = np.round(scores.mean(axis=0)[first] - scores.mean(axis=0)[second], EXACT)
    if not differences.any():
        return differences, np.ones(len(first))
    variances, freedom = scatter(scores)
    errors = np.sqrt((variances[first] + variances[second]) / seeds)
    return differences, 2 * stdtr(freedom, -np.abs(differences) / errors)


def scatter(scores: np.ndarray) -> tuple[np.ndarray, float]:
    """Variance of each method's scores beside what a seed does to all, and the degrees of freedom of any of them.

    Args:
        scores: percent, (seeds, methods), of at least two of each; none is missing.
    """
    seeds, methods = scores.shape
    own = np.maximum(own_variances(scores), LEAST**2)
    trend = growth(own, 100 - scores.mean(axis=0))
    together, freedom = moderated(own / trend, seeds - 1, fitted=1 + bool(np.ptp(trend)))
    return np.maximum(own, trend * together), min(freedom, (seeds - 1) * (methods - 1))  # what all scores have


def own_variances(scores: np.ndarray) -> np.ndarray:
    """Of each method, the variance of its scores beside what each seed does to all: (methods,), of (seeds, methods)."""
    seeds, methods = scores.shape
    rest = scores - scores.mean(axis=0) - scores.mean(axis=1, keepdims=True) + scores.mean()
    return np.asarray((rest**2).sum(axis=0) / (seeds - 1) * methods / (methods - 1))


def growth(variances: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """How the variances grow with the errors: a power of these, fitted to their logarithms, with 1 in the middle.

    Ones, where there are too few to see it or it does not grow.

    Args:
        variances: positive.
        errors: percent.
    """
    logs = np.log(np.maximum(errors, LEAST))
    logs -= logs.mean()
    if len(logs) < TREND or not logs.any():
        return np.ones_like(variances)
    return np.exp(max(0.0, logs @ np.log(variances) / (logs @ logs)) * logs)


def moderated(variances: np.ndarray, freedom: int, fitted: int = 1) -> tuple[np.ndarray, float]:
    """Variances drawn towards their common one, and the degrees of freedom that they have then (Smyth's equations).

    Args:
        variances: positive, each of ``freedom`` degrees of freedom.
        fitted: numbers that were fitted to their logarithms: the mean, and a trend that was divided out.
    """
    logs = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)
    beyond_chance = logs.var(ddof=fitted) - polygamma(1, freedom / 2)
    if beyond_chance <= polygamma(1, WIDEST / 2):  # they differ by no more than estimates of one variance do
        return np.full_like(variances, variances.mean()), np.inf
    prior = 2 * brentq(lambda half: polygamma(1, half) - beyond_chance, 1e-3, WIDEST / 2)
    common = np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))
    return (prior * common + freedom * variances) / (prior + freedom), prior + freedom
