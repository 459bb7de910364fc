"""Similarity matching's objective against loops in numpy, and the whitening that its docstring claims."""

import numpy as np
import pytest
import torch
from conftest import make_method
from handmade import TASK, build, pictures, run

from benchmark.engine.pictures.data import Batch


def similarities(v: np.ndarray) -> np.ndarray:
    v = v.reshape(len(v), -1)
    mean = v.mean(0)
    return np.array([[(a - mean) @ (b - mean) / v.shape[1] for b in v] for a in v])


def whitened(y: np.ndarray) -> np.ndarray:
    """Similarity of centred one-hot labels after whitening, by a pseudo-inverse."""
    z = np.eye(y.max() + 1)[y].T
    z = z - z.mean(1, keepdims=True)
    return z.T @ np.linalg.pinv(z @ z.T / len(y), rcond=1e-10) @ z


def loss_of(method, x: torch.Tensor, h: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    method.forward(0, x)
    return method.local_loss(0, h, Batch(torch.empty(0), y, TASK, x))


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(10, 3, 8, 8, dtype=torch.float64, generator=draw)
    h = torch.randn(10, 8, 4, 4, dtype=torch.float64, generator=draw)
    return x, h, torch.tensor([0, 1, 2, 3, 0, 0, 1, 2, 2, 3])


def make(alpha: float):
    method = build("similarity_matching", {"alpha": alpha})
    method.modules.double()
    return method


@pytest.mark.parametrize("alpha", [0.0, 1.0, 5.0])
def test_objective_equals_loops(data, alpha) -> None:
    x, h, y = data
    seen, labels = similarities(x.numpy()), whitened(y.numpy())
    target = seen / np.trace(seen) * 10 + alpha * labels / np.trace(labels) * 10
    expected = ((target - similarities(np.maximum(h.numpy(), 0))) ** 2).mean()
    assert loss_of(make(alpha), x, h, y).item() == pytest.approx(expected, rel=1e-9)


def test_objective_is_zero_where_similarities_agree(data) -> None:
    x, _, y = data
    x = x.relu()
    scale = (10 / np.trace(similarities(x.numpy()))) ** 0.5
    assert loss_of(make(0.0), x, scale * x, y).item() == pytest.approx(0.0, abs=1e-12)
    assert loss_of(make(1.0), x, scale * x, y).item() > 0.01


def test_a_whitening_penalty_on_the_label_encoder_whitens_the_labels(data) -> None:
    """min over W of -4/T Σ y·Wz + 2/T Σ |Wz|² is the cross term of similarity matching with P (uncentred)."""
    h, y = data[1].numpy().reshape(10, -1).T, data[2].numpy()
    z = np.eye(4)[y].T
    w = h @ z.T @ np.linalg.inv(z @ z.T)  # where the gradient vanishes
    least = (-4 * (h * (w @ z)).sum() + 2 * ((w @ z) ** 2).sum()) / 10
    cross = -2 * ((h.T @ h) * (whitened(y) + 1)).sum() / 100
    assert least == pytest.approx(cross, rel=1e-10)


def test_supervision_uses_only_which_pictures_share_a_class(data) -> None:
    x, h, y = data
    method = make(5.0)
    torch.testing.assert_close(loss_of(method, x, h, y), loss_of(method, x, h, 3 - y))
    assert (loss_of(method, x, h, y) - loss_of(method, x, h, y.sort().values)).abs() > 1e-3


def test_the_unsupervised_variant_sees_no_label(data) -> None:
    x, h, y = data
    method = make(0.0)
    assert torch.equal(loss_of(method, x, h, y), loss_of(method, x, h, torch.full_like(y, -1)))
    assert [(p.trains, p.labels) for p in method.phases()] == [((0, 1), "none"), ((2,), "full")]
    assert [p.labels for p in make(1.0).phases()] == ["pairs", "full"]


def test_a_batch_of_one_class_leaves_the_unsupervised_objective(data) -> None:
    x, h, y = data
    torch.testing.assert_close(loss_of(make(5.0), x, h, 0 * y), loss_of(make(0.0), x, h, y))


@pytest.mark.parametrize(("alpha", "least"), [(5.0, 0.99), (0.0, 0.7)])
def test_training_lowers_the_first_loss(digits, loader, alpha, least) -> None:
    """The later ones match similarities that move as the modules below them learn."""
    method = make_method("similarity_matching", 2, digits, {"alpha": alpha})
    rows = run(method, 15, next(loader.epoch(0)))
    assert rows[14][0] < least * rows[0][0]


def test_it_learns_on_handmade_pictures() -> None:
    rows = run(build("similarity_matching", k=2), 25, pictures())
    assert rows[24][0] < rows[0][0]
    assert rows[-1][0] < rows[25][0]
