"""MAC: the Z step's objective and gradient by hand, what it lowers, and the W step's losses, each for one module."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from handmade import METHODS, TASK, build, pictures
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class


def linear(k: int = 3, **options) -> tuple[Method, SimpleNamespace]:
    """MAC on ``k`` linear modules of 5 units in float64, and a batch for them."""
    torch.manual_seed(1)
    widths = [5] * k + [4]
    modules = nn.ModuleList(nn.Linear(a, b, bias=False).double() for a, b in pairwise(widths))
    outputs = tuple(Features(str(i), (width,), "NC") for i, width in enumerate(widths[1:]))
    partition = SimpleNamespace(modules=modules, outputs=outputs, unit_outputs=())
    x, y = torch.randn(6, 5, dtype=torch.float64), torch.arange(6) % 4
    return load_class(METHODS / "mac.py", Method)(partition, TASK, options), Pictures(x=x, y=y)


class Pictures(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.y)


def forward(method: Method, x: Tensor) -> list[Tensor]:
    values = []
    for module in method.modules:
        x = module(x).detach()
        values.append(x)
    return values


def objective(method: Method, z: list[Tensor], batch: SimpleNamespace) -> Tensor:
    """E, from the weights' matrices."""
    w = [module.weight.detach() for module in method.modules]
    below = [batch.x, *z]
    logits = below[-1] @ w[-1].T
    picked = logits.logsumexp(1) - logits[torch.arange(len(batch)), batch.y]
    penalties = sum(((a - b @ v.T) ** 2).sum() for a, b, v in zip(z, below, w, strict=False))
    return picked.sum() + method.options.mu / 2 * penalties


def test_the_first_z_step_goes_down_the_gradient_by_hand() -> None:
    method, batch = linear(3, mu=2.0, z_steps=1, z_rate=0.1)
    h1, h2, logits = forward(method, batch.x)
    _, w2, w3 = (module.weight.detach() for module in method.modules)
    error = logits.softmax(1) - F.one_hot(batch.y, 4)
    z2 = h2 - 0.05 * error @ w3
    z1 = h1 + 0.05 * 2.0 * (z2 - h1 @ w2.T) @ w2
    z, size = method.coordinates(batch)
    torch.testing.assert_close(z, [z1, z2])
    torch.testing.assert_close(size, (error @ w3).norm())


def test_later_z_steps_follow_the_gradient_of_the_objective() -> None:
    method, batch = linear(4, mu=3.0, z_steps=1, z_rate=0.2)
    z, _ = method.coordinates(batch)
    for k in (2, 1, 0):
        leaves = [v.clone().requires_grad_() for v in z]
        objective(method, leaves, batch).backward()
        z[k] = z[k] - 0.2 / 3.0 * leaves[k].grad
    method.options.z_steps = 2
    torch.testing.assert_close(method.coordinates(batch)[0], z)


def test_the_z_step_lowers_the_objective() -> None:
    method, batch = linear(4)
    values = [objective(method, forward(method, batch.x)[:-1], batch)]
    for steps in (1, 5, 25):
        method.options.z_steps = steps
        values.append(objective(method, method.coordinates(batch)[0], batch))
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]


def test_after_many_z_steps_the_errors_are_the_gradients_of_backpropagation_at_z() -> None:
    method, batch = linear(4, mu=5.0, z_steps=400, z_rate=0.5)
    z, _ = method.coordinates(batch)
    w = [module.weight.detach() for module in method.modules]
    pulled = (z[2] @ w[3].T).softmax(1) - F.one_hot(batch.y, 4)
    for k in (2, 1, 0):
        pulled = pulled @ w[k + 1]
        below = z[k - 1] if k else batch.x
        torch.testing.assert_close(5.0 * (below @ w[k].T - z[k]), pulled)


def test_every_w_loss_moves_its_own_module_with_the_errors_direction() -> None:
    method, batch = linear(3)
    z, size = method.coordinates(batch)
    for k, loss in enumerate(method.losses(batch)):
        loss.backward()
        weights = [module.weight for module in method.modules]
        assert [w.grad is not None for w in weights] == [j == k for j in range(3)]
        below = z[k - 1] if k else batch.x
        error = below @ weights[k].detach().T - z[k] if k < 2 else None
        if error is None:
            expected = ((below @ weights[k].detach().T).softmax(1) - F.one_hot(batch.y, 4)).T @ below / 6
        else:
            expected = size / error.norm() * error.T @ below / 6
        torch.testing.assert_close(weights[k].grad, expected)
        method.modules.zero_grad()


def test_one_module_learns_as_by_backpropagation_to_the_digit() -> None:
    gradients = []
    for name in ("e2ebp", "mac"):
        method = build(name, k=1)
        (loss,) = method.losses(pictures())
        loss.backward()
        gradients.append([loss.detach(), *(p.grad for p in method.modules.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_statistics_of_batchnorm_move_once_a_step_and_by_the_forward_pass() -> None:
    method, batch = build("mac", k=3), pictures()
    method.modules.apply(lambda part: part.eval() if isinstance(part, nn.Dropout2d) else None)
    first = method.modules[0]
    mean = first[0](batch.x).mean((0, 2, 3)).detach()
    for loss in method.losses(batch):
        loss.backward()
    norms = [part for part in method.modules.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [1, 1]
    torch.testing.assert_close(norms[0].running_mean, 0.1 * mean)


@pytest.mark.parametrize("option", ["mu", "z_steps", "z_rate"])
def test_an_option_of_zero_is_refused(option: str) -> None:
    with pytest.raises(UserError, match="above 0"):
        build("mac", {option: 0})
