"""BackLink: which units a loss reaches, its gradients written out by hand, and what it is without links."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from conftest import make_method
from handmade import METHODS, TASK, build, pictures, run
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import set_phase, train_step
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class


def unit(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())


def three_modules(reach_back: int) -> Method:
    """Two units, two units, and two with the classifier."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
    modules = [nn.Sequential(unit(3), unit(6)), nn.Sequential(unit(6), unit(6)), nn.Sequential(unit(6), head)]
    hidden, logits = Features("h", (6, 8, 8), "NCHW"), Features("out", (4,), "NC")
    partition = SimpleNamespace(
        modules=nn.ModuleList(modules),
        outputs=(hidden, hidden, logits),
        unit_outputs=((hidden, hidden), (hidden, hidden), (hidden, logits)),
    )
    return load_class(METHODS / "backlink.py", Method)(partition, TASK, {"reach_back": reach_back})


def reached(method: Method, batch) -> list[set[str]]:
    """For each loss, the units and auxiliary networks that have a gradient of it."""
    parts = {f"{k}.{i}": unit for k, module in enumerate(method.modules) for i, unit in enumerate(module)}
    parts |= {f"aux{k}": auxiliary for k, auxiliary in enumerate(method.auxiliaries)}
    found = []
    for loss in method.losses(batch):
        loss.backward()
        found.append({name for name, part in parts.items() if any(p.grad is not None for p in part.parameters())})
        for part in parts.values():
            part.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize(
    ("reach_back", "tails"),
    [(0, (set(), set())), (1, ({"0.1"}, {"1.1"})), (2, ({"0.0", "0.1"}, {"1.0", "1.1"})), (9, None)],
)
def test_a_loss_reaches_the_tail_of_the_module_before_and_nothing_else(reach_back: int, tails) -> None:
    first, second = tails or ({"0.0", "0.1"}, {"1.0", "1.1"})
    assert reached(three_modules(reach_back), pictures()) == [
        {"0.0", "0.1", "aux0"},
        {"1.0", "1.1", "aux1"} | first,
        {"2.0", "2.1"} | second,
    ]


def test_on_a_real_resnet_too(digits, loader) -> None:
    method = make_method("backlink", 2, digits)
    set_phase(method, method.phases()[0])
    first, second = reached(method, next(loader.epoch(0)))
    assert first == {"0.0", "0.1", "aux0"}
    assert second == {"0.1", "1.0", "1.1", "1.2"}


def test_a_step_follows_the_gradient_of_the_objective_written_out() -> None:
    method, batch = three_modules(1), pictures()
    for part in (method.modules, method.auxiliaries):
        part.double()
    (a, b), (c, d), (e, f) = method.modules
    first, second, _ = method.auxiliaries
    x, y = batch.x.double(), batch.y

    def ce(logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, y)

    u = a(x).detach()
    v = c(b(u).detach()).detach()
    everything = [*method.modules.parameters(), *method.auxiliaries.parameters()]
    objective = ce(first(b(a(x)))) + ce(second(d(c(b(u))))) + ce(f(e(d(v))))
    expected = torch.autograd.grad(objective, everything)

    before = [p.detach().clone() for p in everything]
    optimizers = {
        k: torch.optim.SGD([*module.parameters(), *auxiliary.parameters()], lr=0.5)
        for k, (module, auxiliary) in enumerate(zip(method.modules, method.auxiliaries, strict=True))
    }
    train_step(method, SimpleNamespace(x=x, y=y), optimizers)
    for parameter, old, gradient in zip(everything, before, expected, strict=True):
        torch.testing.assert_close(parameter, old - 0.5 * gradient, rtol=1e-9, atol=1e-12)


def test_statistics_of_batchnorm_move_once_a_step_by_the_first_pass() -> None:
    method, batch = three_modules(2), pictures()
    conv, norm, _ = method.modules[0][0]
    expected = 0.1 * conv(batch.x).mean((0, 2, 3))
    for loss in method.losses(batch):
        loss.backward()
    torch.testing.assert_close(norm.running_mean, expected)
    counts = [b for n, b in method.modules.named_buffers() if n.endswith("num_batches_tracked")]
    assert len(counts) == 5
    assert all(count == 1 for count in counts)


def test_without_links_it_is_greedy_learning_with_its_head_to_the_bit() -> None:
    greedy = {"task_loss": "softmax", "first": [0, 1], "last": [0, 1]}  # InfoPro without its reconstruction
    rows = []
    for name, options in (("backlink", {"reach_back": 0}), ("infopro", greedy)):
        method = build(name, options)
        torch.manual_seed(3)
        rows.append(run(method, 5, pictures()))
    assert rows[0] == rows[1]


def test_thirty_steps_lower_every_loss() -> None:
    rows = run(three_modules(1), 30, pictures())
    assert all(end < start for start, end in zip(rows[0], rows[-1], strict=True))


@pytest.mark.parametrize("reach_back", [-1, 1.5, None])
def test_refuses_what_is_no_number_of_units(reach_back) -> None:
    with pytest.raises(UserError, match="reach_back"):
        build("backlink", {"reach_back": reach_back})
