"""Equilibrium propagation: its free phase ends where the equations hold, and its estimate in a true gradient."""

from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from handmade import METHODS, RECIPE, TASK, pictures
from torch import nn

from benchmark.engine.cutting.partition import cut
from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.evaluate import evaluating
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import build_optimizers, train_step
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class

PERCEPTRON = ("flat", nn.Flatten), ("fc1", lambda: nn.Linear(192, 12)), ("relu1", nn.ReLU)
DEEPER = *PERCEPTRON, ("fc2", lambda: nn.Linear(12, 9)), ("relu2", lambda: nn.ReLU(inplace=True))
CONVOLUTIONS = (
    *(("conv1", lambda: nn.Conv2d(3, 6, 3, padding=1)), ("relu1", nn.ReLU), ("pool1", lambda: nn.MaxPool2d(2))),
    *(("conv2", lambda: nn.Conv2d(6, 8, 3, padding=1)), ("relu2", nn.ReLU), ("pool2", lambda: nn.AvgPool2d(2))),
    ("flat", nn.Flatten),
)


def built(parts, features: int, k: int = 1, name: str = "equilibrium_propagation", **options) -> Method:
    """The method on a network of these parts and a readout of so many ``features``."""
    torch.manual_seed(0)
    net = nn.Sequential(OrderedDict((name, part()) for name, part in parts))
    net.add_module("fc", nn.Linear(features, TASK.classes))
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(1.5)  # so that states pull at each other, and some are clipped
    method = load_class(METHODS / f"{name}.py", Method)(cut(net, k, input_shape=(3, 8, 8)), TASK, options)
    method.modules.train()
    return method


def wide(method: Method, count: int = 8) -> Batch:
    """A batch in float64, for a method that is from now on."""
    method.modules.double()
    batch = pictures(count)
    return Batch(batch.raw, batch.y, TASK, batch.x.double())


def gradients(method: Method, batch: Batch) -> torch.Tensor:
    for loss in method.losses(batch):
        loss.backward()
    return torch.cat([p.grad.flatten() for p in method.modules.parameters()])


@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_the_free_phase_ends_where_the_papers_equations_hold(slope):
    method = built(CONVOLUTIONS, 32, free=150, slope=slope)
    batch = wide(method)
    s1, s2 = method.freely(batch.x)
    w1, b1, w2, b2, _, _ = method.modules.parameters()
    a1 = F.max_pool2d(F.conv2d(batch.x, w1, b1, padding=1), 2)
    back = F.interpolate(s2 / 4, scale_factor=2)  # average pooling, transposed
    down = F.conv_transpose2d(back, w2, padding=1)
    a2 = F.avg_pool2d(F.conv2d(s1, w2, b2, padding=1), 2)
    for state, drive in ((s1, a1 + down), (s2, a2)):
        torch.testing.assert_close(state, (slope * drive).clamp(0, 1), rtol=0, atol=1e-12)
        assert 0.02 < ((state > 0) & (state < 1)).double().mean() < 0.98
    assert (s1 - (slope * a1).clamp(0, 1)).abs().max() > 0.01  # what comes down is felt
    torch.testing.assert_close(method.predict(batch.x), method.modules[0][-1](s2))


def test_the_estimate_tends_to_the_gradient_at_the_fixed_point_as_the_square_of_beta():
    exact = implicit(built(DEEPER, 9))
    errors = []
    for beta in (0.02, 0.01, 0.005):
        method = built(DEEPER, 9, beta=beta, free=150, nudged=150)
        errors.append(((gradients(method, wide(method)) - exact).norm() / exact.norm()).item())
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.02)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.02)


def implicit(method: Method) -> torch.Tensor:
    """The gradient of the cross-entropy at the fixed point, by the implicit function theorem, written out by hand."""
    batch = wide(method)
    weights = w1, b1, w2, b2, w3, b3 = list(method.modules.parameters())
    x, n = batch.x.flatten(1), len(w1)

    def step(s):
        u = torch.cat([x @ w1.T + b1 + s[:, n:] @ w2, s[:, :n] @ w2.T + b2], 1)
        return u.clamp(0, 1)

    s = torch.zeros(len(x), n + len(w2), dtype=torch.float64)
    with torch.no_grad():
        for _ in range(200):
            s = step(s)
    assert torch.allclose(step(s), s, rtol=0, atol=1e-13)
    s = s.requires_grad_()
    loss = F.cross_entropy(s[:, n:] @ w3.T + b3, batch.y)
    direct = torch.autograd.grad(loss, [s, w3, b3])
    each = torch.autograd.functional.jacobian(step, s).sum(2)  # pictures do not meet: (B, states, states)
    adjoint = torch.linalg.solve(torch.eye(s.shape[1], dtype=torch.float64) - each.mT, direct[0])
    through = torch.autograd.grad(step(s), weights[:4], adjoint)
    return torch.cat([g.flatten() for g in (*through, *direct[1:])])


def test_the_bias_of_one_nudge_is_of_the_order_of_beta_and_of_two_beta_squared():
    """Why there are two, by Laborieux et al.: the states' own slopes in β, one-sided and centred."""
    method = built(DEEPER, 9, free=150)
    batch = wide(method)
    free = method.freely(batch.x)
    at = {b: method.settled(batch.x, free, 150, b, batch.y)[0] for b in (0.02, 0.01, 1e-4, -0.02, -0.01, -1e-4)}
    exact = (at[1e-4] - at[-1e-4]) / 2e-4
    one = [((at[b] - free[0]) / b - exact).norm() for b in (0.02, 0.01)]
    two = [((at[b] - at[-b]) / (2 * b) - exact).norm() for b in (0.02, 0.01)]
    assert one[0] / one[1] == pytest.approx(2, rel=0.05)
    assert two[0] / two[1] == pytest.approx(4, rel=0.05)


def test_each_loss_moves_its_own_module_and_the_cut_changes_nothing():
    whole, parts = built(DEEPER, 9), built(DEEPER, 9, k=3)
    assert moved_modules(parts, pictures(8)) == [(0,), (1,), (2,)]
    batch = wide(parts)
    torch.testing.assert_close(gradients(parts, batch), gradients(whole, wide(whole)))
    assert [tuple(h.shape) for h in parts.chain(batch.x)] == [(8, 12), (8, 9), (8, 4)]


def test_a_picture_is_predicted_for_itself_and_from_trained_weights_alone():
    method, batch = built(CONVOLUTIONS, 32), pictures(16)
    with evaluating([method.modules]):
        together = method.predict(batch.x)
        alone = torch.cat([method.predict(x[None]) for x in batch.x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_it_learns_and_to_the_same_bits_where_layers_are_computed_again():
    batch, last = pictures(64), []
    for recompute in ("none", "units"):
        method = built(CONVOLUTIONS, 32)
        optimizers = build_optimizers(method, RECIPE.model_copy(update={"recompute": recompute}), method.phase)
        values = [float(train_step(method, batch, optimizers)[-1]) for _ in range(12)]
        assert values[-1] < 0.85 * values[0]
        last.append(values[-1])
    assert last[0] == last[1]


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x).relu()


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 1)

    def forward(self, x):
        return self.second(self.first(x).relu())


@pytest.mark.parametrize(
    ("part", "found"),  # the layer is named after its last part
    [
        (lambda: nn.BatchNorm2d(6), "'relu1' has batch_norm"),
        (lambda: nn.GroupNorm(2, 6), "'relu1' has group_norm"),
        (lambda: nn.Dropout(0.1), "'relu1' has dropout"),
        (Skip, "'relu1' has add"),
        (Two, "'relu1' has conv2d"),
    ],
)
def test_other_networks_are_refused_in_a_sentence(part, found):
    parts = (CONVOLUTIONS[0], ("odd", part), ("relu1", nn.ReLU), ("flat", nn.Flatten))
    with pytest.raises(UserError, match=rf"^Equilibrium propagation needs a plain chain [^.]*; layer {found}, too\.$"):
        built(parts, 384)
