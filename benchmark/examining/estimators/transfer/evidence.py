"""LogME: how well a Bayesian linear model explains a target's labels by the features of a frozen module."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from benchmark.examining.estimators.transfer.checked import checked

RANGE = 25.0  # |log λ| at most, in units of the features' scale: beyond it the evidence is flat, or has no maximum
GRID = 101  # starting points: the evidence may have more than one peak


def logme(features: NDArray, labels: NDArray) -> float:
    """Log evidence per picture, maximised over both precisions, mean over one-hot classes.

        y ~ N( F w, 1/β ),   w ~ N( 0, 1/α ),   LogME = mean_c max_{α,β} log p(y_c | F) / N

    You, Liu, Wang & Long, ICML 2021. With λ = α/β the marginal of y is
    N(0, (I + F Fᵀ/λ)/β), so that β = N / yᵀ(I + F Fᵀ/λ)⁻¹y at the maximum, and only λ is left to search:

        log p = N/2 log(β / 2π e) - 1/2 Σ_j log(1 + σ_j²/λ),   σ_j: singular values of F

    The paper's fixed point finds a stationary point of the same function. The authors' code stops it after at most
    eleven steps, adds 1e-5 to denominators, and with D > N sums D/2 log α beside the log det of N dimensions alone;
    none of that is meant by the equations. As there, neither features nor labels are centred.

    Args:
        features: F, (N, D).
        labels: (N,), integers; each that occurs is a class.

    Raises:
        ValueError: the two do not fit, or are not finite.
    """
    f, y, classes = checked(features, labels)
    u, sigma, _ = np.linalg.svd(f, full_matrices=False)
    kept = sigma > sigma.max(initial=0.0) * max(f.shape) * np.finfo(float).eps
    u, power = u[:, kept], sigma[kept] ** 2
    return float(np.mean([_evidence(u, power, (y == c).astype(float)) for c in range(classes)]) / len(y))


def _evidence(u: NDArray, power: NDArray, y: NDArray) -> float:
    """Maximum over λ of the log evidence of one target vector; `power` are the squared singular values."""
    along = (u.T @ y) ** 2
    rest = max(float(y @ y - along.sum()), 0.0)  # of y, outside of what the features span
    scale = float(power.mean()) if len(power) else 1.0

    def log_evidence(log_lambda: float) -> float:
        ratio = power / (scale * np.exp(log_lambda))
        beta = len(y) / max(rest + float((along / (1 + ratio)).sum()), np.finfo(float).tiny)
        return 0.5 * (len(y) * (np.log(beta / (2 * np.pi)) - 1) - float(np.log1p(ratio).sum()))

    grid = np.linspace(-RANGE, RANGE, GRID)
    values = [log_evidence(at) for at in grid]
    best = int(np.argmax(values))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    found = minimize_scalar(lambda at: -log_evidence(at), bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return max(values[best], -float(found.fun))
