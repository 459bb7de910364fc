"""The HSIC bottleneck's objective against the paper's equation in numpy, and what it may not depend on."""

import numpy as np
import pytest
import torch
from conftest import make_method
from handmade import TASK, build, pictures, run

from benchmark.engine.pictures.data import Batch
from benchmark.errors import UserError


def nhsic(u: np.ndarray, v: np.ndarray, sigma: float) -> float:
    """The paper's equation in float64, with inverses and one-sided centring."""
    count = len(u)
    h = np.eye(count) - 1 / count
    r = []
    for w in (u, v):
        distances = ((w[:, None] - w[None]) ** 2).sum(2)
        centred = np.exp(-distances / (2 * sigma**2 * w.shape[1])) @ h
        r.append(centred @ np.linalg.inv(centred + 1e-5 * count * np.eye(count)))
    return float(np.trace(r[0] @ r[1]))


def loss_of(method, h: torch.Tensor, batch: Batch) -> torch.Tensor:
    method.target = method.wanted(batch)
    return method.local_loss(0, h, batch)


@pytest.fixture
def batch() -> Batch:
    small = pictures(12)
    return Batch(small.raw, small.y, TASK, small.x.double())


@pytest.mark.parametrize("options", [{}, {"lambda_y": 50.0, "sigma": 1.0}])
def test_objective_is_the_papers_over_lambda(batch, options) -> None:
    method = build("hsic_bottleneck", options)
    h = torch.randn(12, 8, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 0.3
    z = h.numpy().mean((2, 3))
    z = z / np.sqrt((z**2).mean(1, keepdims=True))
    x, y = batch.x.numpy().reshape(12, -1), np.eye(4)[batch.y.numpy()]
    weight, sigma = options.get("lambda_y", 200.0), options.get("sigma", 5.0)
    expected = (nhsic(z, x, sigma) - weight * nhsic(z, y, sigma)) / weight
    assert loss_of(method, h, batch).item() == pytest.approx(expected, rel=1e-7)


def test_objective_uses_only_which_pictures_share_a_class(batch) -> None:
    method = build("hsic_bottleneck")
    h = torch.randn(12, 8, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    renamed = Batch(batch.raw, 3 - batch.y, TASK, batch.x)
    other = Batch(batch.raw, batch.y.roll(1).sort().values, TASK, batch.x)
    torch.testing.assert_close(loss_of(method, h, batch), loss_of(method, h, renamed))
    assert (loss_of(method, h, batch) - loss_of(method, h, other)).abs() > 1e-3


def test_objective_is_lowest_where_features_tell_the_class_and_nothing_else(batch) -> None:
    method = build("hsic_bottleneck")
    draw = torch.Generator().manual_seed(2)
    codes = torch.eye(8, dtype=torch.float64)[batch.y]
    noisy = codes + 0.3 * torch.randn(12, 8, dtype=torch.float64, generator=draw)
    noise = torch.randn(12, 8, dtype=torch.float64, generator=draw)
    values = [loss_of(method, z[:, :, None, None].expand(12, 8, 8, 8), batch).item() for z in (codes, noisy, noise)]
    assert values == sorted(values)
    assert values[0] == pytest.approx((1 / 200 - 1) * 3, rel=0.05)  # nHSIC with the label: C - 1


def test_the_scale_of_features_does_not_matter(batch) -> None:
    method = build("hsic_bottleneck")
    h = torch.randn(12, 8, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 0.3
    torch.testing.assert_close(loss_of(method, 1000 * h, batch), loss_of(method, h, batch))


def test_hidden_modules_learn_from_pairs_and_then_the_classifier() -> None:
    phases = build("hsic_bottleneck", k=3).phases()
    assert [(p.trains, p.labels) for p in phases] == [((0, 1), "pairs"), ((2,), "full")]


def test_the_read_out_computes_no_kernels(monkeypatch) -> None:
    method = build("hsic_bottleneck", k=2)
    monkeypatch.setattr(method, "phases", lambda: type(method).phases(method)[1:])
    monkeypatch.setattr(method, "projection", lambda u: pytest.fail("a kernel in the read-out"))
    assert len(run(method, 2, pictures())) == 2


def test_training_lowers_every_hidden_loss(digits, loader) -> None:
    method = make_method("hsic_bottleneck", 2, digits)
    rows = run(method, 12, next(loader.epoch(0)))[:12]
    assert all(last < first - 0.5 for first, last in zip(rows[0], rows[-1], strict=True))


@pytest.mark.parametrize("option", ["lambda_y", "sigma"])
def test_weights_that_leave_no_objective_are_refused(option) -> None:
    with pytest.raises(UserError, match="above 0"):
        build("hsic_bottleneck", {option: 0.0})
