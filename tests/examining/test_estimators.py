"""Estimators against closed forms."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from benchmark.examining.estimators.dependence import gram, nhsic, projection, squared_distances
from benchmark.examining.estimators.heads import PENALTY, at_unit_norm, logistic, nearest_mean
from benchmark.examining.estimators.likeness import batch_grams, cka_map, minibatch_cka, unbiased_hsic
from benchmark.examining.estimators.probes import probe_accuracy

CLASSES, EACH = 5, 12


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_unbiased_hsic_of_gaussian_data_under_gaussian_kernels(rho):
    """x, y normal with correlation ρ, kernels exp(-d²/2):  HSIC = (9-4ρ²)^-½ + 1/3 - (9/4-ρ²/4)^-½."""
    draw = np.random.RandomState(1)
    found = []
    for _ in range(200):
        x, noise = draw.randn(100, 1), draw.randn(100, 1)
        y = rho * x + np.sqrt(1 - rho**2) * noise
        found.append(unbiased_hsic(gram(x, "gaussian", sigma=1), gram(y, "gaussian", sigma=1)))
    known = (9 - 4 * rho**2) ** -0.5 + 1 / 3 - (2.25 - rho**2 / 4) ** -0.5
    assert np.mean(found) == pytest.approx(known, abs=4 * np.std(found) / len(found) ** 0.5)


def test_unbiased_hsic_is_the_mean_over_quadruples_of_different_pictures():
    draw = np.random.RandomState(0)
    k, other = (gram(draw.randn(6, 2), "gaussian", sigma=1) for _ in range(2))
    different = [q for q in np.ndindex(6, 6, 6, 6) if len(set(q)) == 4]
    terms = [k[i, j] * (other[i, j] + other[p, q] - 2 * other[i, p]) for i, j, p, q in different]
    assert unbiased_hsic(k, other) == pytest.approx(np.mean(terms), rel=1e-9)


def test_cka_of_gaussian_features_is_the_squared_correlation():
    """z = ρ x + √(1-ρ²) e in D dimensions:  CKA = |Σ_xz|² / (|Σ_xx| |Σ_zz|) = ρ²."""
    draw = np.random.RandomState(0)
    x, noise = draw.randn(2000, 8), draw.randn(2000, 8)
    z = 0.8 * x + 0.6 * noise
    assert minibatch_cka(batch_grams(x, 250), batch_grams(z, 250)) == pytest.approx(0.64, abs=0.02)


def test_cka_of_unrelated_features_is_near_zero_where_the_plain_one_is_near_one():
    draw = np.random.RandomState(0)
    x, z = draw.randn(400, 2000), draw.randn(400, 2000)
    assert minibatch_cka(batch_grams(x, 100), batch_grams(z, 100)) == pytest.approx(0, abs=0.02)
    k, other = ((h - h.mean(0)) @ (h - h.mean(0)).T for h in (x[:100], z[:100]))
    assert (k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum()) > 0.9


def test_cka_knows_no_rotation_scale_or_shift_and_says_nothing_of_what_does_not_vary():
    draw = np.random.RandomState(0)
    x = draw.randn(64, 5)
    turned, _ = np.linalg.qr(draw.randn(5, 5))
    same, still = batch_grams(3 * x @ turned + 7, 32), batch_grams(np.ones((64, 5)), 32)
    assert cka_map([batch_grams(x, 32)], [same, still]) == [[pytest.approx(1), None]]


def test_distances_keep_their_digits_far_from_the_origin():
    features = 1000 + np.random.RandomState(0).randn(30, 7)
    assert np.allclose(squared_distances(features), cdist(features, features, "sqeuclidean"), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("kernel", "distance"), [("gaussian", 2.0), ("authors", 2**0.5)])
def test_nhsic_of_balanced_labels_with_themselves(kernel, distance):
    """K̄ has the eigenvalue λ = (1-e) m/C, C - 1 times, e the kernel of two classes:  nHSIC = (C-1) (λ/(λ+εm))²."""
    labels = np.eye(CLASSES)[np.repeat(np.arange(CLASSES), EACH)]
    own = projection(gram(labels, kernel))
    value = (1 - np.exp(-distance / (2 * 25 * CLASSES))) / CLASSES
    assert nhsic(own, own) == pytest.approx((CLASSES - 1) * (value / (value + 1e-5)) ** 2, rel=1e-9)


def test_logistic_regression_minimises_what_it_says():
    draw = np.random.RandomState(0)
    labels = np.repeat([0, 1, 2], 4)
    shown = at_unit_norm(draw.randn(12, 3) + np.eye(3)[labels])
    judged = at_unit_norm(draw.randn(200, 3))

    def objective(flat):
        weights, offsets = flat[:9].reshape(3, 3), flat[9:]
        logits = shown @ weights.T + offsets
        losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(12), labels]
        return PENALTY * losses.sum() + (weights**2).sum() / 2

    best = minimize(objective, np.zeros(12)).x
    expected = (judged @ best[:9].reshape(3, 3).T + best[9:]).argmax(1)
    assert (logistic(shown, labels, judged) == expected).mean() > 0.99  # but for pictures on a boundary


def test_the_nearest_mean_is_that():
    draw = np.random.RandomState(0)
    shown, labels, judged = draw.randn(6, 3), np.array([4, 4, 7, 7, 9, 9]), draw.randn(50, 3)
    means = {c: shown[labels == c].mean(0) for c in (4, 7, 9)}
    expected = [min(means, key=lambda c: np.linalg.norm(means[c] - f)) for f in judged]
    assert nearest_mean(shown, labels, judged).tolist() == expected


def test_a_probe_reads_what_is_there_and_nothing_where_nothing_is():
    draw = np.random.RandomState(0)
    labels = np.tile(np.arange(4), 100)
    told = np.eye(4)[labels] + 0.1 * draw.randn(400, 4)
    assert probe_accuracy(told[:200], labels[:200], told[200:], labels[200:]) == 100
    nothing = draw.randn(400, 4)
    assert abs(probe_accuracy(nothing[:200], labels[:200], nothing[200:], labels[200:]) - 25) < 10
