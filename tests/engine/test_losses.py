"""Each loss against a computation of another kind: explicit loops and closed forms in numpy."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmark.engine.objectives import losses


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def contrastive_by_loops(z: np.ndarray, y: list[int], temperature: float) -> float:
    """Khosla et al.'s equation, one anchor and one positive at a time."""
    z = z / np.sqrt((z**2).sum(1, keepdims=True))
    total = 0.0
    for i in range(len(y)):
        positives = [p for p in range(len(y)) if p != i and y[p] == y[i]]
        below = sum(math.exp(z[i] @ z[a] / temperature) for a in range(len(y)) if a != i)
        for p in positives:
            total -= math.log(math.exp(z[i] @ z[p] / temperature) / below) / len(positives)
    return total / len(y)


@pytest.mark.parametrize("y", [[0, 1, 0, 1, 1, 0], [0, 0, 1, 2, 2, 3], [0, 1, 2, 3, 4, 5]])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_contrastive_loss_equals_explicit_loops(rng: np.random.Generator, y: list[int], temperature: float) -> None:
    z = rng.normal(size=(6, 5))
    got = losses.supervised_contrastive(torch.from_numpy(z), torch.tensor(y), temperature)
    assert got.item() == pytest.approx(contrastive_by_loops(z, y, temperature), rel=1e-10, abs=1e-12)


def test_contrastive_loss_has_finite_gradients_with_lonely_anchors() -> None:
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    losses.supervised_contrastive(z, torch.tensor([0, 0, 1, 2])).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_alignment_equals_explicit_loops(rng: np.random.Generator) -> None:
    phi = np.abs(rng.normal(size=(7, 4)))
    y = [0, 1, 2, 0, 1, 0, 2]
    product = gram_norm = ideal_norm = 0.0
    for i in range(7):
        for j in range(i + 1, 7):
            gram, ideal = float(phi[i] @ phi[j]), float(y[i] == y[j])
            product += gram * ideal
            gram_norm += gram**2
            ideal_norm += ideal**2
    got = losses.kernel_alignment(torch.from_numpy(phi), torch.tensor(y))
    assert got.item() == pytest.approx(product / math.sqrt(gram_norm * ideal_norm), rel=1e-12)


def test_alignment_is_one_at_its_optimum_and_does_not_touch_the_labels() -> None:
    y = torch.tensor([0, 1, 2, 1])
    assert losses.kernel_alignment(torch.eye(3)[y], y).item() == pytest.approx(1.0)
    assert y.tolist() == [0, 1, 2, 1]
    assert y.shape == (4,)


def test_alignment_without_a_pair_of_one_class_is_zero() -> None:
    assert losses.kernel_alignment(torch.ones(3, 2), torch.tensor([0, 1, 2])).item() == 0.0


def test_similarity_matrix_of_vectors_is_the_correlation_of_rows(rng: np.random.Generator) -> None:
    h = rng.normal(size=(5, 8))
    np.testing.assert_allclose(losses.similarity_matrix(torch.from_numpy(h)), np.corrcoef(h), atol=1e-7)


def test_similarity_matrix_of_maps_correlates_spatial_deviations(rng: np.random.Generator) -> None:
    h = rng.normal(size=(5, 4, 3, 2))
    deviations = h.reshape(5, 4, 6).std(axis=2, ddof=1)
    np.testing.assert_allclose(losses.similarity_matrix(torch.from_numpy(h)), np.corrcoef(deviations), atol=1e-7)


@pytest.mark.parametrize("shape", [(5, 3, 2, 2), (5, 6, 1, 1)])
def test_similarity_matrix_flattens_few_channels_and_single_positions(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    h = rng.normal(size=shape)
    np.testing.assert_allclose(losses.similarity_matrix(torch.from_numpy(h)), np.corrcoef(h.reshape(5, -1)), atol=1e-7)


def test_similarity_matching_compares_with_the_labels_closed_form(rng: np.random.Generator) -> None:
    h, y, classes = rng.normal(size=(6, 9)), np.array([0, 2, 1, 0, 2, 2]), 4
    wanted = np.where(y[:, None] == y[None], 1.0, -1 / (classes - 1))
    got = losses.similarity_matching(torch.from_numpy(h), torch.from_numpy(y), classes)
    assert got.item() == pytest.approx(((np.corrcoef(h) - wanted) ** 2).mean(), rel=1e-6)


def test_similarity_of_dead_channels_has_finite_gradients() -> None:
    h = torch.zeros(3, 5, 4, 4, requires_grad=True)
    losses.similarity_matching(h, torch.tensor([0, 1, 0]), 2).backward()
    assert h.grad is not None
    assert h.grad.isfinite().all()


def reconstruction_by_hand(z: np.ndarray, x: np.ndarray) -> float:
    p = 1 / (1 + np.exp(-z))
    return float(-(x * np.log(p) + (1 - x) * np.log(1 - p)).mean())


def test_reconstruction_is_the_cross_entropy_of_the_sigmoid(rng: np.random.Generator) -> None:
    z, x = rng.normal(size=(3, 2, 4, 4)), rng.uniform(size=(3, 2, 4, 4))
    x[0] = 0.0
    x[1] = 1.0
    got = losses.reconstruction(torch.from_numpy(z), torch.from_numpy(x))
    assert got.item() == pytest.approx(reconstruction_by_hand(z, x), rel=1e-12)


def test_reconstruction_has_the_gradient_of_a_bernoulli_model(rng: np.random.Generator) -> None:
    z = torch.from_numpy(rng.normal(size=(3, 2, 4, 4))).requires_grad_()
    x = torch.from_numpy(rng.uniform(size=(3, 2, 4, 4)))
    (2 * losses.reconstruction(z, x)).backward()
    torch.testing.assert_close(z.grad, 2 * (torch.sigmoid(z.detach()) - x) / x.numel())


def test_reconstruction_stands_extreme_logits() -> None:
    z = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = losses.reconstruction(z, torch.tensor([[1.0, 1.0]]))
    loss.backward()
    assert loss.item() == pytest.approx(100.0)
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_reconstruction_does_not_depend_on_memory_layout(rng: np.random.Generator) -> None:
    z, x = torch.randn(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    expected = F.binary_cross_entropy(torch.sigmoid(z), x)
    torch.testing.assert_close(losses.reconstruction(z.to(memory_format=torch.channels_last), x), expected)
