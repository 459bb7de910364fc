"""Each estimator of transferability against an independent computation: brute force, closed forms, scikit-learn."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import mutual_info_score

from benchmark.examining.estimators.transfer.conditional import leep, nce, nleep
from benchmark.examining.estimators.transfer.evidence import logme
from benchmark.examining.estimators.transfer.scatter import etran, gbc, h_score, sfda
from benchmark.examining.estimators.transfer.scores import FROM_FEATURES, FROM_PROBABILITIES


def gaussian_classes(n=60, d=5, classes=3, apart=1.5, seed=0):
    """Features (n, d) and labels (n,) of overlapping Gaussian classes."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return apart * draw.normal(size=(classes, d))[y] + draw.normal(size=(n, d)) @ draw.normal(size=(d, d)), y


def probabilities(n=80, z=4, seed=1):
    draw = np.random.default_rng(seed)
    return draw.dirichlet(np.ones(z) / 2, size=n), draw.integers(0, 3, size=n)


@pytest.mark.parametrize("shape", [(40, 3), (12, 30)], ids=["more pictures", "more features"])
def test_logme_is_the_evidence_maximised_by_brute_force(shape):
    f, y = gaussian_classes(*shape)

    def best(target):
        def minus(logs):
            alpha, beta = np.exp(np.minimum(logs, 500))  # the search may walk off
            return -multivariate_normal.logpdf(target, cov=np.eye(len(f)) / beta + f @ f.T / alpha)

        starts = [(0.0, 2.0), (5.0, 3.0)]
        return max(-minimize(minus, s, method="Nelder-Mead", options={"xatol": 1e-7}).fun for s in starts)

    assert logme(f, y) == pytest.approx(np.mean([best((y == c) * 1.0) for c in range(3)]) / len(y), abs=1e-6)


def test_logme_of_features_that_explain_nothing_is_that_of_noise():
    y = np.arange(20) % 2
    noise = 0.5 * (np.log(1 / (2 * np.pi * 0.5)) - 1)  # y ~ N(0, 1/2), the best without features
    assert logme(np.zeros((20, 4)), y) == pytest.approx(noise)


def test_leep_is_the_sum_of_its_definition():
    theta, y = probabilities()
    total = 0.0
    for i in range(len(y)):
        p = 0.0
        for z in range(theta.shape[1]):
            joint = sum(theta[j, z] for j in range(len(y)) if y[j] == y[i])
            p += joint / theta[:, z].sum() * theta[i, z]
        total += np.log(p)
    assert leep(theta, y) == pytest.approx(total / len(y))


def test_leep_keeps_its_logarithm_where_a_source_class_has_no_mass():
    y = np.array([0, 1, 1, 1])
    one = np.array([[1.0, 0.0]] * 4)  # says nothing: P(y | z) is the share of the class
    assert leep(one, y) == pytest.approx(-0.562335, abs=1e-6)  # minus the entropy of (1/4, 3/4)


def test_nce_is_mutual_information_less_entropy():
    theta, y = probabilities()
    share = np.bincount(y) / len(y)
    entropy = -(share * np.log(share)).sum()
    assert nce(theta, y) == pytest.approx(mutual_info_score(theta.argmax(1), y) - entropy)


def test_leep_of_hard_predictions_is_nce():
    theta, y = probabilities()
    hard = np.eye(theta.shape[1])[theta.argmax(1)]
    assert leep(hard, y) == pytest.approx(nce(hard, y))


def test_nleep_finds_the_share_of_classes_in_clusters_that_lie_apart():
    """Ten tight clusters: in eight all pictures are of one class, in two half are, of which log(1/2) is left."""
    draw = np.random.default_rng(3)
    cluster = np.repeat(np.arange(10), 30)
    f = 100 * np.stack([np.cos(cluster), np.sin(cluster)], 1) * (1 + cluster[:, None]) + draw.normal(size=(300, 2))
    y = np.where(cluster < 8, cluster % 2, np.arange(300) % 2)
    assert nleep(f, y) == pytest.approx(0.2 * np.log(0.5), abs=0.03)


def test_h_score_is_the_sum_of_squared_canonical_correlations_but_for_the_shrinkage():
    f, y = gaussian_classes(n=3000)
    one_hot = np.eye(3)[y]
    q1, _ = np.linalg.qr(f - f.mean(0))
    q2, _ = np.linalg.qr((one_hot - one_hot.mean(0))[:, :2])
    assert h_score(f, y) == pytest.approx((np.linalg.svd(q1.T @ q2, compute_uv=False) ** 2).sum(), rel=0.02)


def test_h_score_shrinks_as_ledoit_and_wolf_print_it():
    f, y = gaussian_classes(n=15, d=20)
    x = f - f.mean(0)
    n, d = x.shape
    s = x.T @ x / n
    mu = np.trace(s) / d
    delta = ((s - mu * np.eye(d)) ** 2).sum() / d
    beta = sum(((np.outer(row, row) - s) ** 2).sum() for row in x) / n**2 / d
    alpha = min(beta, delta) / delta
    means = np.stack([x[y == c].mean(0) for c in range(3)])[y]
    cov = (1 - alpha) * s + alpha * mu * np.eye(d)
    assert h_score(f, y) == pytest.approx(np.trace(np.linalg.inv(cov) @ (means.T @ means / n)) * (1 - alpha))
    assert 0 < alpha < 1


def log_posterior(f, y):
    """Of scikit-learn's discriminant analysis, whose covariance is the pooled one, too."""
    return LinearDiscriminantAnalysis(solver="lsqr").fit(f, y).predict_log_proba(f)[np.arange(len(y)), y]


def test_sfda_is_two_discriminant_analyses_with_harder_pictures_between():
    f, y = gaussian_classes(n=90, classes=2)
    f = f * 5  # Eq. 3 then leaves next to no ridge, and the analyses are the usual ones
    p = np.exp(log_posterior(f, y))[:, None]
    other = np.stack([f[y == 1].mean(0), f[y == 0].mean(0)])[y]
    assert sfda(f, y) == pytest.approx(log_posterior(p * f + (1 - p) * other, y).mean(), abs=1e-4)


def test_sfda_of_one_feature_has_the_ridge_of_the_paper():
    """One feature, of variance s within classes: the direction is 1 / sqrt((1 - λ) s + λ), without eigenvectors."""
    f = np.array([0.0, 0.2, 0.4, 0.9, 1.1, 1.3])
    y = np.array([0, 0, 0, 1, 1, 1])

    def p(x, ridge):
        mu = np.array([x[y == 0].mean(), x[y == 1].mean()])
        s = ((x - mu[y]) ** 2).mean()
        density = norm.pdf(x[:, None], mu, np.sqrt((1 - ridge) * s + ridge))
        return (density / density.sum(1, keepdims=True))[np.arange(6), y]

    ridge = np.exp(-5 * (2 * 0.2**2 / 3))
    first = p(f, ridge)
    harder = first * f + (1 - first) * np.where(y == 0, 1.1, 0.2)
    assert sfda(f[:, None], y) == pytest.approx(np.log(p(harder, ridge)).mean())


def test_etran_is_energy_and_a_discriminant_analysis():
    f, y = gaussian_classes(n=90)
    energy = np.log(np.exp(f).sum(1)).mean()
    assert etran(f, y) == pytest.approx(energy + np.exp(log_posterior(f, y)).mean(), abs=1e-5)


def test_gbc_is_the_overlap_integral_of_two_gaussians():
    """√(p q) integrated: the definition, where Bhattacharyya's distance is a formula; over both orders of the pair."""
    f = np.concatenate([np.array([-1.0, 1.0]) * 0.7, 2 + np.array([-1.0, 1.0]) * 1.6])[:, None]
    y = np.array([0, 0, 1, 1])
    overlap, _ = quad(lambda x: np.sqrt(norm.pdf(x, 0, 0.7) * norm.pdf(x, 2, 1.6)), -30, 30)
    assert gbc(f, y) == pytest.approx(-2 * overlap)


def test_gbc_is_spherical_in_all_components():
    f, y = gaussian_classes(n=200, d=4, classes=3)
    s = [np.mean(f[y == c].var(0)) for c in range(3)]
    total = 0.0
    for a in range(3):
        for b in range(3):
            if a != b:
                cov = np.eye(4) * (s[a] + s[b]) / 2
                gap = f[y == a].mean(0) - f[y == b].mean(0)
                dets = np.linalg.det(cov) / np.sqrt(s[a] ** 4 * s[b] ** 4)
                total += np.exp(-(gap @ np.linalg.inv(cov) @ gap / 8 + np.log(dets) / 2))
    assert gbc(f, y) == pytest.approx(-total)


@pytest.mark.parametrize("name", [*FROM_FEATURES, *FROM_PROBABILITIES])
def test_an_estimator_prefers_what_tells_the_classes_apart_and_leaves_its_arguments(name):
    if name in FROM_FEATURES:
        score = FROM_FEATURES[name]
        good, y = gaussian_classes(classes=2, apart=3.0)
        bad, _ = gaussian_classes(classes=2, apart=0.0)
        bad = bad * good.std() / bad.std()
        if name == "etran":  # whose energy is of the scale, not of the classes
            good, bad = good / 100, bad / 100
    else:
        score = FROM_PROBABILITIES[name]
        bad, y = probabilities(z=2)
        y = y % 2
        good = np.where(y[:, None] == np.arange(2), 0.9, 0.1)
    before = good.copy(), y.copy()
    assert score(good, y) > score(bad, y)
    assert np.array_equal(good, before[0])
    assert np.array_equal(y, before[1])
    if name != "nleep":  # slow, and it says what leep says of names and types
        assert score(good.astype(np.float32), y + 7) == pytest.approx(score(good, y), rel=1e-3)


@pytest.mark.parametrize("name", FROM_FEATURES)
def test_dead_features_and_more_features_than_pictures_give_a_number(name):
    f, y = gaussian_classes(n=24, d=40, classes=2)
    f[:, 5:] = 0
    assert np.isfinite(FROM_FEATURES[name](f, y))
    assert np.isfinite(FROM_FEATURES[name](np.zeros_like(f), y))


@pytest.mark.parametrize(
    ("features", "labels", "said"),
    [
        (np.zeros((3, 2)), [0, 1], "not \\(N, D\\)"),
        (np.full((2, 2), np.nan), [0, 1], "not finite"),
        (np.zeros((2, 2)), [1, 1], "one class"),
    ],
)
def test_what_cannot_be_scored_says_why(features, labels, said):
    with pytest.raises(ValueError, match=said):
        h_score(features, np.array(labels))


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(ValueError, match="not logits"):
        leep(np.array([[2.0, -1.0], [0.5, 0.1]]), np.array([0, 1]))
