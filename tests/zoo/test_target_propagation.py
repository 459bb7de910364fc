"""Target propagation: targets that exact inverses reach, identities with backpropagation, feedback losses by hand."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from handmade import METHODS, TASK, build, network, pictures
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class

CLASS = load_class(METHODS / "target_propagation.py", Method)


class Pictures(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.y)


def linear(k: int = 4, **options) -> tuple[Method, Pictures]:
    """Target propagation on ``k`` linear modules in float64 (all square but the last), and a batch for them."""
    torch.manual_seed(1)
    widths = [5] * k + [4]
    modules = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(widths)).double()
    outputs = tuple(Features(str(i), (width,), "NC") for i, width in enumerate(widths[1:]))
    method = CLASS(SimpleNamespace(modules=modules, outputs=outputs, unit_outputs=()), TASK, options)
    method.auxiliaries.double()
    return method, Pictures(x=torch.randn(6, 5, dtype=torch.float64), y=torch.arange(6) % 4)


def weights(method: Method) -> list[Tensor]:
    return [module.weight.detach() for module in method.modules]


def forward(method: Method, x: Tensor) -> list[Tensor]:
    values = []
    for module in method.modules:
        x = module(x).detach()
        values.append(x)
    return values


def give_exact_inverses(method: Method) -> None:
    for k in range(1, method.last):
        method.auxiliaries[k].weight.data.copy_(torch.linalg.inv(weights(method)[k]))


def gradients(method: Method, batch) -> list[Tensor]:
    for loss in method.losses(batch):
        loss.backward()
    return [p.grad for p in method.modules.parameters()]


def test_a_target_by_an_exact_inverse_is_reached() -> None:
    method, batch = linear()
    give_exact_inverses(method)
    values = forward(method, batch.x)
    above = values[2] + torch.randn_like(values[2])
    for k in (1, 0):
        target = method.lowered(k, values, above)
        torch.testing.assert_close(method.modules[k + 1](target), above)
        above = target


@pytest.mark.parametrize("feedback", ["dtp", "drl", "ddtp"])
def test_no_change_above_is_no_change_below(feedback: str) -> None:
    method, batch = build("target_propagation", {"feedback": feedback}, k=4), pictures()
    values = forward(method, batch.x)
    for k in range(2 if feedback == "dtp" else 3):
        torch.testing.assert_close(method.lowered(k, values, values[method.source(k)]), values[k])


def test_one_module_learns_as_by_backpropagation_to_the_digit() -> None:
    a, b = (gradients(build(name, k=1), pictures()) for name in ("e2ebp", "target_propagation"))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("eta", [0.01, 1.0])
def test_the_two_last_modules_of_dtp_learn_as_by_backpropagation(eta: float) -> None:
    method, batch = linear(k=4, eta=eta)
    own = gradients(method, batch)
    method.modules.zero_grad()
    F.cross_entropy(method.predict(batch.x), batch.y).backward()
    torch.testing.assert_close(own[2:], [p.grad for p in method.modules.parameters()][2:])


def test_two_convolutional_modules_learn_as_by_backpropagation() -> None:
    options = {"feedback": "dtp"}
    states = []
    for name in ("e2ebp", "target_propagation"):
        method = load_class(METHODS / f"{name}.py", Method)(network(2), TASK, options if name != "e2ebp" else None)
        torch.manual_seed(3)
        states.append([*gradients(method, pictures()), *method.modules.buffers()])
    for a, b in zip(*states, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_lower_modules_of_dtp_learn_from_the_inverses_target_at_the_norm_of_the_first_error() -> None:
    method, batch = linear(k=4, eta=0.5)
    give_exact_inverses(method)
    own = gradients(method, batch)
    w, values = weights(method), forward(method, batch.x)
    error = (values[3].softmax(1) - F.one_hot(batch.y, 4)) @ w[3] / 6
    size = error.norm()
    for k in (2, 1, 0):
        below = values[k - 1] if k else batch.x
        torch.testing.assert_close(own[k], (error * size / error.norm()).T @ below)
        error = torch.linalg.solve(w[k], error.T).T


def test_direct_connections_send_the_outputs_error() -> None:
    method, batch = linear(k=3, feedback="ddtp", eta=0.2)
    own = gradients(method, batch)
    values = forward(method, batch.x)
    error = (values[2].softmax(1) - F.one_hot(batch.y, 4)) / 6
    for k in (0, 1):
        sent = error @ method.auxiliaries[k].weight.detach().T
        below = values[k - 1] if k else batch.x
        torch.testing.assert_close(own[k], (sent * error.norm() / sent.norm()).T @ below)


def minimised(loss_of, weight: nn.Parameter, steps: int = 60) -> None:
    """Minimise a quadratic loss, whose noise is drawn anew from one seed each time."""
    optimizer = torch.optim.LBFGS([weight], max_iter=steps, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        torch.manual_seed(5)
        weight.grad = None
        loss = loss_of()
        loss.backward()
        return loss

    optimizer.step(closure)


def many(method: Method) -> list[Tensor]:
    torch.manual_seed(2)
    return forward(method, torch.randn(20000, 5, dtype=torch.float64))


def test_the_feedback_of_dtp_learns_the_inverse() -> None:
    method, _ = linear(k=4)
    minimised(lambda: method.feedback_loss(0, many(method)), method.auxiliaries[1].weight)
    found = method.auxiliaries[1].weight.detach() @ weights(method)[1]
    torch.testing.assert_close(found, torch.eye(5, dtype=torch.float64), atol=1e-3, rtol=0)


@pytest.mark.parametrize("k", [0, 1])
def test_direct_feedback_learns_the_pseudo_inverse_of_all_that_follows(k: int) -> None:
    """Meulemans et al.: the difference reconstruction loss is least for Gauss-Newton targets."""
    method, _ = linear(k=3, feedback="ddtp")
    values = many(method)
    minimised(lambda: method.feedback_loss(k, values), method.auxiliaries[k].weight)
    above = weights(method)[2] @ weights(method)[1] if k == 0 else weights(method)[2]
    torch.testing.assert_close(method.auxiliaries[k].weight.detach(), torch.linalg.pinv(above), atol=0.1, rtol=0.05)


def test_the_difference_reconstruction_goes_through_the_feedback_above() -> None:
    method, batch = linear(k=3, feedback="drl")
    values = forward(method, batch.x)
    w, g1, g2 = weights(method), method.auxiliaries[1].weight.detach(), method.auxiliaries[2].weight.detach()
    torch.manual_seed(4)
    noise = method.options.sigma * values[0].std() * torch.randn_like(values[0])
    sent = noise @ w[1].T @ w[2].T @ g2.T
    expected = (sent @ g1.T - noise).square().sum() / sent.square().sum()
    torch.manual_seed(4)
    torch.testing.assert_close(method.feedback_loss(0, values), expected)


@pytest.mark.parametrize("feedback", ["dtp", "drl", "ddtp"])
def test_each_network_learns_from_one_loss(feedback: str) -> None:
    method, batch = build("target_propagation", {"feedback": feedback}, k=4), pictures()
    reached = []
    for loss in method.losses(batch):
        loss.backward()
        parts = [(kind, k) for kind in ("modules", "auxiliaries") for k in range(4)]
        reached.append(
            [(kind, k) for kind, k in parts if any(p.grad is not None for p in getattr(method, kind)[k].parameters())]
        )
        for p in [*method.modules.parameters(), *method.auxiliaries.parameters()]:
            p.grad = None
    m, a = "modules", "auxiliaries"
    assert (
        reached
        == {
            "dtp": [[(m, 3)], [(m, 2)], [(m, 1)], [(a, 2)], [(m, 0)], [(a, 1)]],
            "drl": [[(m, 3)], [(m, 2)], [(a, 3)], [(m, 1)], [(a, 2)], [(m, 0)], [(a, 1)]],
            "ddtp": [[(m, 3)], [(m, 2)], [(a, 2)], [(m, 1)], [(a, 1)], [(m, 0)], [(a, 0)]],
        }[feedback]
    )


def test_statistics_of_batchnorm_move_once_a_step() -> None:
    method = build("target_propagation", {"feedback": "drl"}, k=4)
    gradients(method, pictures())
    norms = [part for part in method.modules.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [1, 1, 1]


@pytest.mark.parametrize(
    "features",
    [
        Features("", (3, 4, 6), "NCHW"),
        Features("", (4, 6, 3), "NHWC"),
        Features("", (9, 3), "NLC"),
        Features("", (10, 3), "NLC", 1),
        Features("", (7,), "NC"),
    ],
)
def test_the_grid_keeps_every_number_in_every_layout(features: Features) -> None:
    module = SimpleNamespace(**CLASS.auxiliary.__globals__)
    h = torch.randn(2, *features.shape)
    grid = module.as_grid(features, h)
    assert grid.shape == (2, features.channels, *module.grid_size(features))
    assert torch.equal(module.from_grid(features, grid), h)
    below = Features("", (5, 8, 8), "NCHW")
    assert module.Inverse(features, below)(h).shape == (2, 5, 8, 8)


@pytest.mark.parametrize("options", [{"feedback": "exact"}, {"eta": 0}, {"sigma": 0}])
def test_a_bad_option_is_refused(options: dict) -> None:
    with pytest.raises(UserError):
        build("target_propagation", options)
