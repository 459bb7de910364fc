"""Blockwise Barlow Twins: the loss against its equation, the noise, and two views that meet in the loss alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from handmade import build, pictures

from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.objectives import perturbation
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.train import set_phase

FILE = type(build("blockwise_ssl")).losses.__globals__


def two_views(count: int = 16) -> Batch:
    batch = pictures(count)
    noise = torch.randn(batch.x.shape, generator=torch.Generator().manual_seed(5))
    return replace(batch, view=replace(batch, x=batch.x + noise))


def test_the_loss_is_the_equation() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(2, 3, size=(9, 4)), draw.normal(-1, 0.5, size=(9, 4))
    a_, b_ = ((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) for z in (a, b))
    expected = 0.0
    for i in range(4):
        for j in range(4):
            c = sum(a_[n, i] * b_[n, j] for n in range(9)) / 9
            expected += (1 - c) ** 2 if i == j else 0.3 * c**2
    found = FILE["barlow_twins"](torch.from_numpy(a), torch.from_numpy(b), 0.3)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def embedded(projector, h):
    """p( avgpool( e(h) ) ) of maps (B, C, H, W): matrices, with BatchNorm and ReLU between them."""
    expansion, first, second, last = (p for p in projector.parameters() if p.ndim > 1)
    z = normed(torch.einsum("bchw,dc->bdhw", h, expansion[..., 0, 0])).relu().mean((2, 3))
    for matrix in (first, second):
        z = normed(z @ matrix.T).relu()
    return z @ last.T


def normed(z):
    return torch.nn.functional.batch_norm(z, None, None, training=True)


@pytest.mark.parametrize(("options", "scale"), [({}, 0.024), ({"scale": 3.0}, 3.0)])
def test_each_modules_loss_is_of_its_outputs_for_both_views(options: dict, scale: float) -> None:
    """Through the expansion, the pool and the projector in that order, times ``scale``."""
    method, batch = build("blockwise_ssl", {"noise": 0.0, "width": 8, "off_diagonal": 0.3, **options}, k=4), two_views()
    set_phase(method, method.phases()[0])
    with perturbation.without_dropout(method.modules):
        found = [loss.item() for loss in method.losses(batch)]
        *ours, _ = method.chain(batch.x)
        *others, _ = method.chain(batch.view.x)
    for loss, projector, a, b in zip(found, method.auxiliaries[:3], ours, others, strict=True):
        expected = scale * FILE["barlow_twins"](embedded(projector, a), embedded(projector, b), 0.3)
        assert loss == pytest.approx(expected.item(), rel=1e-4)


def test_two_views_alike_are_free_but_for_what_their_features_share() -> None:
    z = torch.randn(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    white = z @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(z.T, correction=0))).T
    assert FILE["barlow_twins"](white, white, 1.0).item() == pytest.approx(0, abs=1e-8)
    assert FILE["barlow_twins"](white, -white, 0.0).item() == pytest.approx(12, abs=1e-3)


def test_each_view_has_statistics_of_its_own_and_the_first_ones_stay() -> None:
    """A step on (a, b) leaves the running statistics of a step on (a, a), and sees b through b's own."""
    batch = two_views()
    left, values = [], []
    for view in (batch.view, replace(batch, x=batch.x)):
        method = build("blockwise_ssl", {"noise": 0.0, "width": 8})
        set_phase(method, method.phases()[0])
        for part in method.modules.modules():
            if isinstance(part, torch.nn.Dropout2d):
                part.p = 0.0
        values.append([loss.item() for loss in method.losses(replace(batch, view=view))])
        left.append({**method.modules.state_dict(), **method.auxiliaries.state_dict()})
    assert all(torch.equal(value, left[1][name]) for name, value in left[0].items())
    assert values[0][0] != values[1][0]


def test_noise_is_a_share_of_the_outputs_spread_and_reaches_the_next_module() -> None:
    method = build("blockwise_ssl", {"noise": 0.25, "width": 8})
    set_phase(method, method.phases()[0])
    torch.manual_seed(0)
    h = 7 + 3 * torch.randn(64, 8, 8, 8)
    added = method.noisy(h) - h
    assert added.std().item() == pytest.approx(0.75, rel=0.05)
    assert abs(added.mean().item()) < 0.02
    seen = []
    method.modules[1].register_forward_hook(lambda module, inputs, out: seen.append(inputs[0]))
    clean = []
    method.modules[0].register_forward_hook(lambda module, inputs, out: clean.append(out))
    list(method.losses(two_views()))
    assert (seen[0] - clean[0]).std().item() == pytest.approx(0.25 * clean[0].std().item(), rel=0.1)


def test_no_loss_reaches_another_module_and_the_classifier_comes_last() -> None:
    method = build("blockwise_ssl", {"width": 8})
    hidden, readout = method.phases()
    assert (hidden.trains, hidden.labels, readout.trains) == ((0, 1), "none", (2,))
    set_phase(method, hidden)
    assert moved_modules(method, two_views()) == [(0,), (1,)]
