"""HSIC and its normalised forms against loops, traces and canonical correlations in numpy."""

import math

import numpy as np
import pytest
import torch

from benchmark.engine.objectives import losses


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def gaussian(x: np.ndarray, sigma: float) -> np.ndarray:
    count, dimension = x.shape
    return np.array(
        [[math.exp(-sum((x[i] - x[j]) ** 2) / (2 * sigma**2 * dimension)) for j in range(count)] for i in range(count)]
    )


def linear_gram(rng: np.random.Generator, count: int, dimension: int) -> tuple[np.ndarray, torch.Tensor]:
    x = rng.normal(size=(count, dimension))
    return x, torch.from_numpy(x @ x.T)


def canonical_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    q, r = (np.linalg.qr(v - v.mean(0))[0] for v in (x, y))
    return np.linalg.svd(q.T @ r, compute_uv=False)


def test_gaussian_kernel_equals_loops(rng: np.random.Generator) -> None:
    x = rng.normal(size=(6, 5))
    np.testing.assert_allclose(losses.gaussian_kernel(torch.from_numpy(x), 0.7), gaussian(x, 0.7), rtol=1e-12)


def test_gaussian_kernel_flattens_and_keeps_its_digits_far_from_zero() -> None:
    x = torch.randn(16, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    expected = losses.gaussian_kernel(x.double().flatten(1), 5.0)
    torch.testing.assert_close(losses.gaussian_kernel(x + 1000, 5.0).double(), expected, atol=1e-5, rtol=0)


def test_nhsic_equals_the_authors_form_with_one_sided_centring(rng: np.random.Generator) -> None:
    kernels = [gaussian(rng.normal(size=(8, d)), 2.0) for d in (3, 5)]
    ridge, h = 1e-5 * 8 * np.eye(8), np.eye(8) - 1 / 8
    one, two = (k @ h @ np.linalg.inv(k @ h + ridge) for k in kernels)
    got = losses.nhsic(*(torch.from_numpy(k) for k in kernels))
    assert got.item() == pytest.approx((one * two.T).sum(), rel=1e-8)


def test_nhsic_of_linear_kernels_is_the_sum_of_squared_canonical_correlations(rng: np.random.Generator) -> None:
    (x, kernel), (y, other) = linear_gram(rng, 20, 4), linear_gram(rng, 20, 3)
    expected = (canonical_correlations(x, y) ** 2).sum()
    assert losses.nhsic(kernel, other, epsilon=1e-9).item() == pytest.approx(expected, rel=1e-6)


def test_nhsic_with_labels_is_at_most_the_number_of_classes_less_one() -> None:
    labels = torch.eye(5, dtype=torch.float64)[torch.arange(30) % 5]
    kernel = losses.gaussian_kernel(labels, 5.0)
    assert losses.nhsic(kernel, kernel, epsilon=1e-9).item() == pytest.approx(4.0, abs=1e-3)
    everything = torch.eye(30, dtype=torch.float64)  # every picture told from every other
    assert losses.nhsic(kernel, everything, epsilon=1e-9).item() == pytest.approx(4.0, abs=1e-3)


def test_ridge_projection_shrinks_each_eigenvalue(rng: np.random.Generator) -> None:
    _, kernel = linear_gram(rng, 10, 3)
    values = torch.linalg.eigvalsh(losses.centred(kernel))
    got = torch.linalg.eigvalsh(losses.ridge_projection(kernel, 0.1))
    torch.testing.assert_close(got.sort().values, (values / (values + 0.1 * 10)).sort().values, atol=1e-12, rtol=0)


def test_nhsic_has_the_right_gradient() -> None:
    x = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    other = losses.gaussian_kernel(torch.eye(3, dtype=torch.float64)[torch.arange(6) % 3], 1.0)
    assert torch.autograd.gradcheck(lambda v: losses.nhsic(losses.gaussian_kernel(v, 1.0), other, 1e-3), x)


def test_nhsic_is_stable_in_single_precision() -> None:
    draw = torch.Generator().manual_seed(0)
    x, labels = torch.randn(256, 64, generator=draw) * 0.05 + 0.4, torch.eye(10)[torch.arange(256) % 10]
    gradients = []
    for precision in (torch.float32, torch.float64):
        z = x.to(precision, copy=True).requires_grad_()
        kernels = (losses.gaussian_kernel(v, 5.0) for v in (z, labels.to(precision)))
        losses.nhsic(*kernels).backward()
        gradients.append(z.grad.double())
    single, double = gradients
    assert (single - double).norm() < 1e-2 * double.norm()


def test_nhsic_of_pictures_that_are_all_alike_is_zero_with_finite_gradients() -> None:
    z = torch.ones(5, 3, requires_grad=True)
    value = losses.nhsic(losses.gaussian_kernel(z, 5.0), torch.eye(5))
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-5)
    assert z.grad.isfinite().all()
