"""LEEP, NLEEP and NCE: how well a picture's place among the source's classes, or clusters, tells its target class."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from benchmark.examining.estimators.transfer.checked import checked, checked_probabilities

ENERGY = 0.8  # of the features' variance that NLEEP keeps
CLUSTERS = 5  # of NLEEP, a target class
SEED = 0  # of the mixture's start, so that the score is a function of its arguments


def leep(probabilities: NDArray, labels: NDArray) -> float:
    """Log expected empirical prediction, at most 0.

        LEEP = 1/N Σ_i log Σ_z P(y_i | z) θ(x_i)_z,   P(y, z) = 1/N Σ_{i: y_i = y} θ(x_i)_z

    Nguyen, Hassner, Seeger & Archambeau, ICML 2020. A source class without mass adds nothing. (The copy in
    the code of SFDA leaves out the logarithm, which is another score, and is NaN there.)

    Args:
        probabilities: θ(x), (N, Z): the source's classifier on the target's pictures.
        labels: (N,), of the target.

    Raises:
        ValueError: the two do not fit.
    """
    theta = checked_probabilities(probabilities, len(labels))
    _, y, classes = checked(theta, labels)
    joint = np.stack([theta[y == c].sum(0) for c in range(classes)]) / len(y)  # (C, Z)
    mass = joint.sum(0)
    given = np.divide(joint, mass, out=np.zeros_like(joint), where=mass > 0)
    return float(np.log((theta * given[y]).sum(1)).mean())


def nleep(features: NDArray, labels: NDArray) -> float:
    """LEEP with the posteriors of a Gaussian mixture on the features in place of a source classifier.

    Li, Jia, Sang, Zhu, Green, Wang & Gong, CVPR 2021: principal components that hold 80 % of the variance,
    then five Gaussians (full covariance) a target class, fitted without labels; the logarithm stays.

    Args:
        features: (N, D).
        labels: (N,).

    Raises:
        ValueError: the two do not fit, or there are fewer pictures than Gaussians.
    """
    f, y, classes = checked(features, labels)
    if not np.ptp(f, axis=0).any():  # features that are the same for all pictures: one cluster
        return leep(np.ones((len(y), 1)), y)
    reduced = PCA(ENERGY, svd_solver="full").fit_transform(f)
    mixture = GaussianMixture(CLUSTERS * classes, random_state=SEED, reg_covar=1e-6 * float(reduced.var(0).mean()))
    return leep(mixture.fit(reduced).predict_proba(reduced), y)


def nce(probabilities: NDArray, labels: NDArray) -> float:
    """Negative conditional entropy, in nats, at most 0, of target labels given the source's predicted class.

        NCE = -H(Y | Z) = Σ_{y,z} P(y, z) log( P(y, z) / P(z) ),   Z = argmax_z θ(x)_z

    Tran, Nguyen & Hassner, ICCV 2019. There both label sets are known; on pictures that the source never saw its
    prediction stands for its label, as is usual.

    Args:
        probabilities: θ(x), (N, Z).
        labels: (N,).

    Raises:
        ValueError: the two do not fit.
    """
    theta = checked_probabilities(probabilities, len(labels))
    _, y, classes = checked(theta, labels)
    counts = np.zeros((classes, theta.shape[1]))
    np.add.at(counts, (y, theta.argmax(1)), 1)
    joint, mass = counts / len(y), np.broadcast_to(counts.sum(0) / len(y), counts.shape)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / mass[some])).sum())
