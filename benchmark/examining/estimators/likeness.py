"""How alike two networks see the same pictures: centred kernel alignment (CKA) with a linear kernel.

The plain estimator is biased upwards where features have more dimensions than there are pictures. This one is the
minibatch form of Nguyen, Raghu & Kornblith (ICLR 2021) on the unbiased HSIC of Song et al. (JMLR 2012): the numerator
and the two terms of the denominator are summed over batches before they are divided. It may be below 0, and is not
clipped.
"""

from collections.abc import Sequence

import numpy as np


def unbiased_hsic(k: np.ndarray, other: np.ndarray) -> float:
    """HSIC₁ of two Gram matrices (n, n), n >= 4, whose diagonals do not matter.

    HSIC₁ = [ tr(K̃ L̃) + 1ᵀK̃1 1ᵀL̃1 / ((n-1)(n-2)) - 2/(n-2) 1ᵀK̃L̃1 ] / (n(n-3)),   K̃, L̃: with a diagonal of 0
    """
    n = len(k)
    if n < 4:
        raise ValueError(f"unbiased HSIC needs at least 4 pictures, and there are {n}")
    k, other = _hollow(k), _hollow(other)
    crossed = k.sum(0) @ other.sum(1)
    total = (k * other.T).sum() + k.sum() * other.sum() / ((n - 1) * (n - 2)) - 2 * crossed / (n - 2)
    return float(total / (n * (n - 3)))


def _hollow(kernel: np.ndarray) -> np.ndarray:
    kernel = kernel.astype(np.float64, copy=True)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def batch_grams(features: np.ndarray, batch: int) -> list[np.ndarray]:
    """Linear Gram matrices X Xᵀ of features (N, D), of so many pictures at a time; a rest is left out.

    Features are moved to zero mean first, which changes no HSIC and keeps the digits of those that lie far from 0.
    """
    features = features.astype(np.float64)
    features = features - features.mean(0)
    parts = [features[start : start + batch] for start in range(0, len(features) - batch + 1, batch)]
    return [part @ part.T for part in parts]


def minibatch_cka(grams: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    """CKA of two sets of features, from their Gram matrices by batch: 1 if they differ by rotation and scale alone.

        CKA = Σ_b HSIC₁(K_b, L_b) / √( Σ_b HSIC₁(K_b, K_b) Σ_b HSIC₁(L_b, L_b) )

    NaN where one of them does not vary (its own HSIC is not positive).
    """
    both = sum(unbiased_hsic(k, other) for k, other in zip(grams, others, strict=True))
    own = sum(unbiased_hsic(k, k) for k in grams)
    its = sum(unbiased_hsic(other, other) for other in others)
    return both / float(np.sqrt(own * its)) if own > 0 and its > 0 else float("nan")


def cka_map(rows: Sequence[Sequence[np.ndarray]], columns: Sequence[Sequence[np.ndarray]]) -> list[list[float | None]]:
    """CKA of each of ``rows`` with each of ``columns``, all as :func:`batch_grams`; null where it is not defined."""
    return [[_or_null(minibatch_cka(row, column)) for column in columns] for row in rows]


def _or_null(value: float) -> float | None:
    return value if np.isfinite(value) else None
