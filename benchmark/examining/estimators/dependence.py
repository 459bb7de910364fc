"""How much two sets of features of the same pictures depend on each other, in the normalised form of HSIC.

Values grow with the number of pictures (the rank of the Gram matrices), so they are comparable at one sample size
alone. All in float64.
"""

from typing import Literal

import numpy as np
from scipy.linalg import solve

Kernel = Literal["gaussian", "authors"]
KERNELS: tuple[Kernel, ...] = ("gaussian", "authors")
SIGMA, EPSILON = 5.0, 1e-5  # of Sakamoto & Sato's code


def gram(features: np.ndarray, kernel: Kernel, sigma: float = SIGMA) -> np.ndarray:
    """Gram matrix (m, m) of features (m, D).

    gaussian   K_ij = exp( -|x_i - x_j|² / (2 σ² D) )   (Ma et al. 2020; the name that Sakamoto & Sato give)
    authors    K_ij = exp( -|x_i - x_j| / (2 σ² D) )    (Sakamoto & Sato's code: the distance, not its square)
    """
    squared = squared_distances(features)
    distances = squared if kernel == "gaussian" else np.sqrt(squared)
    return np.asarray(np.exp(-distances / (2 * sigma**2 * features.shape[1])))


def squared_distances(features: np.ndarray) -> np.ndarray:
    """|x_i - x_j|² of features (m, D), of one matrix product: (m, m), none below 0."""
    features = features.astype(np.float64)
    features = features - features.mean(0)  # leaves the distances, and keeps their digits when all lie far from 0
    norms = np.square(features).sum(1)
    squared = np.maximum(norms[:, None] + norms[None, :] - 2 * features @ features.T, 0.0)
    np.fill_diagonal(squared, 0.0)
    return squared


def projection(kernel: np.ndarray, epsilon: float = EPSILON) -> np.ndarray:
    """R = K̄ (K̄ + ε m I)⁻¹ of the centred Gram matrix K̄ = H K H, (m, m)."""
    kernel = kernel - kernel.mean(0) - kernel.mean(1, keepdims=True) + kernel.mean()
    ridge = epsilon * len(kernel) * np.eye(len(kernel))
    return np.asarray(solve(kernel + ridge, kernel, assume_a="pos"))


def nhsic(projection_x: np.ndarray, projection_z: np.ndarray) -> float:
    """nHSIC = tr(R_x R_z), of two :func:`projection`-s: a sum of squared canonical correlations, at most m - 1.

    Fukumizu, Gretton, Sun & Schölkopf, NeurIPS 2007; Ma, Lewis & Kleijn, AAAI 2020.
    """
    return float((projection_x * projection_z.T).sum())
