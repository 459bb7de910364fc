"""H-score, SFDA, ETran and GBC: how far the classes of a target lie apart in the features of a frozen module."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve
from scipy.special import log_softmax, logsumexp
from sklearn.covariance import LedoitWolf

from benchmark.examining.estimators.transfer.checked import checked

DECAY = 5.0  # a of SFDA's Eq. 3, as its code has it
FLOOR = 1e-6  # of the ridge, in mean variances within classes: dead features would leave nothing to divide by
COMPONENTS = 64  # principal ones of GBC


def h_score(features: NDArray, labels: NDArray) -> float:
    """Shrunk H-score: how much of the features' variance lies between the classes, summed over directions.

        H_α = tr( Σ_α⁻¹ (1 - α) Σ_z ),   Σ_α = (1 - α) Σ_f + α tr(Σ_f)/D I,   Σ_z = cov( E[f | y] )

    Ibrahim, Ponomareva & Mazumder, ECML 2022, with α of Ledoit & Wolf; α = 0 is Bao et al., ICIP 2019, which takes an
    inverse of a singular matrix where D is not far below N. Both covariances divide by N here (in released code one
    divides by N, the other by N - 1), so that 0 <= H_α <= C - 1.

    Args:
        features: f, (N, D).
        labels: (N,).

    Raises:
        ValueError: the two do not fit.
    """
    f, y, classes = checked(features, labels)
    f -= f.mean(0)
    shrunk = LedoitWolf(assume_centered=True).fit(f)
    means = _means(f, y, classes)[y]
    between = means.T @ means / len(y)
    if not between.any():
        return 0.0
    return float((1 - shrunk.shrinkage_) * np.trace(solve(shrunk.covariance_, between, assume_a="pos")))


def sfda(features: NDArray, labels: NDArray) -> float:
    """Self-challenging Fisher discriminant analysis: mean log posterior, at most 0, after a round of harder pictures.

        1. project on U of S_B u = v S̃_W u,   S̃_W = (1 - λ) S_W + λ I,   λ = exp(-a σ_max(S_W))
        2. p(y | f) = softmax_c( fᵀU Uᵀμ_c - 1/2 |Uᵀμ_c|² + log q_c )
        3. ConfMix: f_n <- p_n f_n + (1 - p_n) mean of the pictures of other classes,   p_n = p(y_n | f_n)
        4. once more 1 and 2 with the same λ; the score is mean_n log p(y_n | f_n)

    Shao et al., ECCV 2022, Eq. 1 to 7. Of λ the paper has two forms that contradict each other (Eq. 3, Algorithm 1);
    this is Eq. 3 with the a = 5 of the code. λ is at least 1e-6 mean variances within classes, as Eq. 3 vanishes where
    a ridge is needed. The authors' code scales the ridge, softens p_n by a second softmax, leaves out the logarithm,
    keeps all D eigenvectors, and writes into its caller's features; the paper says none of these.

    Args:
        features: (N, D).
        labels: (N,).

    Raises:
        ValueError: the two do not fit.
    """
    f, y, classes = checked(features, labels)
    within = _within(f, y, classes)
    floor = FLOOR * float(np.trace(within)) / len(within)
    ridge = min(max(float(np.exp(-DECAY * eigh(within, eigvals_only=True)[-1])), floor, np.finfo(float).tiny), 1.0)
    confidence = np.exp(_log_posterior(f, y, classes, ridge))[:, None]
    counts = np.bincount(y)
    others = (f.sum(0) - counts[:, None] * _means(f, y, classes)) / (len(y) - counts)[:, None]
    harder = confidence * f + (1 - confidence) * others[y]
    return float(_log_posterior(harder, y, classes, ridge).mean())


def etran(features: NDArray, labels: NDArray) -> float:
    """Energy plus discriminant score.

        S = S_en + S_cls,   S_en = mean_i log Σ_d exp f_id,   S_cls = mean_i p(y_i | f_i)

    Gholami et al., ICCV 2023; p of a linear discriminant analysis. S_en says how far the pictures lie in what the
    network knows (low energy), without labels. The discriminant directions are those of S_B u = v S̃_W u; the authors'
    code decomposes S̃_W⁻¹ S_B, which is not symmetric, by a solver for symmetric matrices, which gives others, and
    averages S_en over a tail of the pictures alone. Whether the paper prints p or log p we could not read: p is the
    code's.

    Args:
        features: (N, D).
        labels: (N,).

    Raises:
        ValueError: the two do not fit.
    """
    f, y, classes = checked(features, labels)
    within = _within(f, y, classes)
    ridge = FLOOR * float(np.trace(within)) / len(within) or 1.0
    return float(logsumexp(f, axis=1).mean() + np.exp(_log_posterior(f, y, classes, min(ridge, 1.0))).mean())


def gbc(features: NDArray, labels: NDArray) -> float:
    """Gaussian Bhattacharyya coefficient: minus the overlap of the classes as spherical Gaussians, at most 0.

        GBC = -Σ_{c≠c'} exp( -D_B(c, c') )
        D_B = 1/8 |μ_c - μ_c'|² / s + d/2 log( s / √(s_c s_c') ),   s = (s_c + s_c')/2

    Pándy et al., CVPR 2022: over ordered pairs, s_c the mean variance of a class over d principal
    components, 64 of them where there are as many.

    Args:
        features: (N, D).
        labels: (N,).

    Raises:
        ValueError: the two do not fit.
    """
    f, y, classes = checked(features, labels)
    f -= f.mean(0)
    f = f @ np.linalg.svd(f, full_matrices=False)[2][:COMPONENTS].T
    means = _means(f, y, classes)
    least = max(1e-12 * float(f.var(0).mean()), np.finfo(float).tiny)
    variance = np.maximum([float(f[y == c].var(0).mean()) for c in range(classes)], least)
    overlap = 0.0
    for a in range(classes):
        for b in range(a):
            mid = (variance[a] + variance[b]) / 2
            distance = float(((means[a] - means[b]) ** 2).sum()) / mid / 8
            distance += f.shape[1] / 2 * float(np.log(mid) - (np.log(variance[a]) + np.log(variance[b])) / 2)
            overlap += 2 * float(np.exp(-distance))
    return -overlap


def _means(f: NDArray, y: NDArray, classes: int) -> NDArray:
    """Mean features of each class, (C, D)."""
    return np.stack([f[y == c].mean(0) for c in range(classes)])


def _within(f: NDArray, y: NDArray, classes: int) -> NDArray:
    """Covariance within classes, (D, D), weighted by their sizes."""
    apart = f - _means(f, y, classes)[y]
    return apart.T @ apart / len(y)


def _log_posterior(f: NDArray, y: NDArray, classes: int, ridge: float) -> NDArray:
    """log p(y_n | f_n), (N,), of a discriminant analysis with (1 - ridge) S_W + ridge I, in its C - 1 directions."""
    means = _means(f, y, classes)
    apart = means[y] - f.mean(0)
    within = (1 - ridge) * _within(f, y, classes) + ridge * np.eye(f.shape[1])
    most = f.shape[1]
    _, u = eigh(apart.T @ apart / len(y), within, subset_by_index=(most - min(classes - 1, most), most - 1))
    centres = means @ u
    scores = (f @ u) @ centres.T - (centres**2).sum(1) / 2 + np.log(np.bincount(y) / len(y))
    posterior: NDArray = log_softmax(scores, axis=1)[np.arange(len(y)), y]
    return posterior
