"""Layer-wise training with HSIC: its two terms against float64 numpy, and which modules have which."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import make_method
from handmade import TASK, build, pictures

from benchmark.engine.objectives import losses
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.schema.recipe import Recipe


def eigenvalue_nhsic(u: np.ndarray, v: np.ndarray, sigma: float = 5.0, epsilon: float = 1e-5) -> float:
    """tr(R_u R_v) from the eigenvectors of the centred kernels."""
    count = len(u)
    h = np.eye(count) - 1 / count
    r = []
    for w in (u, v):
        distances = ((w[:, None] - w[None]) ** 2).sum(2) ** 0.5
        values, vectors = np.linalg.eigh(h @ np.exp(-distances / (2 * sigma**2 * w.shape[1])) @ h)
        r.append(vectors @ np.diag(values / (values + epsilon * count)) @ vectors.T)
    return float((r[0] * r[1]).sum())


@pytest.fixture
def batch() -> Batch:
    small = pictures(12)
    return Batch(small.raw, small.y, TASK, small.x.double())


def made(weight: float):
    method = build("layerwise_hsic", {"weight": weight}, k=3)
    method.auxiliaries.double()
    for head in method.auxiliaries[:2]:
        torch.nn.init.normal_(head.linear.weight, generator=torch.Generator().manual_seed(3))
    return method


@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_hidden_objective_is_cross_entropy_less_dependence_on_the_picture(batch, weight) -> None:
    method = made(weight)
    h = torch.randn(12, 8, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    z = h.flatten(1) @ method.auxiliaries[1].linear.weight.T
    cross_entropy = -torch.log_softmax(z, 1)[torch.arange(12), batch.y].mean().item()
    kept = eigenvalue_nhsic(batch.x.numpy().reshape(12, -1), z.detach().numpy())
    assert kept > 0.5
    expected = cross_entropy - weight * kept / 11
    assert method.proxy_loss(1, h, batch).item() == pytest.approx(expected, rel=1e-8)


def test_the_term_lies_between_nothing_and_its_weight(batch) -> None:
    """Logits that tell every picture from every other come near to nHSIC = B - 1, though there are four classes."""
    z = 1e4 * torch.randn(12, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    method = made(2.0)
    method.auxiliaries[1] = torch.nn.Identity()
    term = (F.cross_entropy(z, batch.y) - method.proxy_loss(1, z, batch)).item()
    assert 0.9 * 2.0 < term < 2.0


def test_pictures_that_are_alike_leave_the_gradient_finite(batch) -> None:
    method = made(1.0)
    h = torch.randn(12, 8, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    h[1] = h[0]
    h.requires_grad_()
    method.proxy_loss(1, h, batch).backward()
    assert h.grad.isfinite().all()
    assert h.grad.any()


def test_the_last_module_and_a_weight_of_zero_have_cross_entropy_alone(batch, monkeypatch) -> None:
    monkeypatch.setattr(losses, "gaussian_kernel", lambda *_: pytest.fail("a kernel that has no weight"))
    h = torch.randn(12, 8, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    plain = made(0.0)
    expected = F.cross_entropy(plain.auxiliaries[0].linear(h.flatten(1)), batch.y)
    torch.testing.assert_close(plain.proxy_loss(0, h, batch), expected)
    logits = torch.randn(12, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(made(0.1).proxy_loss(2, logits, batch), F.cross_entropy(logits, batch.y))


def test_modules_train_one_after_the_other_each_for_a_full_budget() -> None:
    phases = build("layerwise_hsic", k=3).phases()
    assert [(p.trains, p.share, p.labels) for p in phases] == [((k,), 1.0, "full") for k in range(3)]


def test_heads_are_linear_on_at_most_2048_numbers(digits) -> None:
    method = make_method("layerwise_hsic", 4, digits)
    for k, head in enumerate(method.auxiliaries[:3]):
        numbers = np.prod(method.outputs[k].shape)
        assert sum(p.numel() for p in head.parameters()) == 10 * (min(numbers, 2048) + 1)
    assert not list(method.auxiliaries[3].parameters())


def test_the_picture_is_kept_better_with_the_term(digits, loader) -> None:
    recipe = Recipe(epochs=1, batch=64, lr=0.05, momentum=0.9, weight_decay=1e-4, warmup_epochs=0)
    kept = []
    for weight in (0.0, 10.0):
        method = make_method("layerwise_hsic", 2, digits, {"weight": weight})
        phase = method.phases()[0]
        set_phase(method, phase)
        optimizers, seen = build_optimizers(method, recipe, phase), next(loader.epoch(0))
        for _ in range(12):
            train_step(method, seen, optimizers)
        with torch.no_grad():
            z = method.auxiliaries[0](method.modules[0](seen.x))
            kept.append(losses.nhsic(losses.gaussian_kernel(z, 5.0), losses.gaussian_kernel(seen.x, 5.0)).item())
    assert kept[1] > kept[0] + 1
