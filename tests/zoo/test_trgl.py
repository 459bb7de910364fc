"""TRGL: its transport against a computation by hand, its limits, and its three orders of training."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from handmade import METHODS, RECIPE, TASK, build, network, pictures, run
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, 5, 1)

    def forward(self, h: Tensor) -> Tensor:
        return h + torch.tanh(self.conv(h))


def residual_network(modules: int = 3, layout: str = "NCHW") -> SimpleNamespace:
    """Module 0: a stem and a block; then two blocks each; the last: a block and the classifier."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))
    rows = [nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), Block())]
    rows += [nn.Sequential(Block(), Block()) for _ in range(modules - 2)]
    rows.append(nn.Sequential(Block(), head))
    hidden = Features("h", (5, 8, 8), layout)
    outputs = (*(hidden for _ in rows[:-1]), Features("out", (4,), "NC"))
    return SimpleNamespace(modules=nn.ModuleList(rows), outputs=outputs, unit_outputs=tuple((o, o) for o in outputs))


def trgl(options: dict, modules: int = 3) -> Method:
    return load_class(METHODS / "trgl.py", Method)(residual_network(modules), TASK, options)


def as_double(method: Method) -> SimpleNamespace:
    """The method in float64, and a batch for it."""
    method.modules.double(), method.auxiliaries.double()
    batch = pictures()
    return SimpleNamespace(x=batch.x.double(), y=batch.y)


def branch(block: Block, h: np.ndarray) -> np.ndarray:
    """tanh(W h + b): what the block adds to ``h`` (B, C, H, W), in numpy."""
    weight, bias = block.conv.weight.detach().numpy()[:, :, 0, 0], block.conv.bias.detach().numpy()
    return np.tanh(np.einsum("oc,bchw->bohw", weight, h) + bias[None, :, None, None])


@pytest.mark.parametrize(("modules", "halves"), [(2, [1, 2]), (3, [1, 2, 2]), (4, [1, 1, 2, 2])])
def test_transport_is_the_mean_square_of_what_blocks_add(modules: int, halves: list[int]) -> None:
    tau = 0.3
    method = trgl({"tau": tau, "smoothing": 0.0}, modules)
    plain = trgl({"tau": None, "smoothing": 0.0}, modules)
    batch = as_double(method)
    as_double(plain)
    plain.modules.load_state_dict(method.modules.state_dict())
    plain.auxiliaries.load_state_dict(method.auxiliaries.state_dict())
    stem = method.modules[0][0]
    h = stem(batch.x).detach().numpy()
    transports = []
    for module in method.modules:
        transports.append(0.0)
        for block in (u for u in module if isinstance(u, Block)):
            r = branch(block, h)
            transports[-1] += (r**2).sum() / r.size
            h = h + r
    losses = [loss.item() for loss in method.losses(batch)]
    without = [loss.item() for loss in plain.losses(batch)]
    expected = [c + t / (2 * tau * half) for c, t, half in zip(without, transports, halves, strict=True)]
    assert losses == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("modules", "taus"), [(2, [50, 100]), (3, [0.5, 1, 1]), (4, [0.5, 0.5, 1, 1])])
def test_two_modules_have_a_tau_of_their_own_unless_one_is_given(modules: int, taus: list[float]) -> None:
    assert [trgl({}, modules).tau(k) for k in range(modules)] == taus
    assert trgl({"tau": 3}, modules).tau(0) == 3


def test_smoothed_labels_by_hand() -> None:
    method = trgl({"tau": None, "smoothing": 0.1})
    logits = torch.randn(64, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    y = pictures().y
    z = logits.numpy()
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    target = np.full((64, 4), 0.1 / 4)
    target[np.arange(64), y.numpy()] += 0.9
    assert method.output_loss(logits, SimpleNamespace(y=y)).item() == pytest.approx(-(target * log_p).sum(1).mean())


def test_without_transport_it_is_greedy_learning_to_the_bit() -> None:
    ours = load_class(METHODS / "trgl.py", Method)

    class SameHead(load_class(METHODS / "greedy_sl.py", Method)):
        def auxiliary(self, k: int) -> nn.Module | None:
            return None if k == self.last else type(reference.auxiliaries[0])(self.outputs[k], self.task.classes)

    rows = []
    reference = ours(network(), TASK, {"tau": None, "smoothing": 0.0})
    for method in (reference, SameHead(network(), TASK)):
        torch.manual_seed(3)
        rows.append(run(method, 5, pictures()))
    assert rows[0] == rows[1]


def test_an_infinite_tau_is_no_transport() -> None:
    values = []
    for tau in (None, 1e30):
        method = trgl({"tau": tau})
        values.append([loss.item() for loss in method.losses(as_double(method))])
    assert values[0] == pytest.approx(values[1], rel=1e-14)


def test_without_transport_nothing_is_computed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    method = trgl({"tau": None})
    monkeypatch.setattr(F, "mse_loss", lambda *_: pytest.fail("transport computed"))
    assert len([loss.backward() for loss in method.losses(pictures())]) == 3


def test_strong_transport_makes_blocks_move_less() -> None:
    sizes = []
    for tau in (None, 0.1):
        method = trgl({"tau": tau})
        run(method, 20, pictures(32))
        h = method.modules[0][0](pictures().x)
        sizes.append((method.modules[0][1](h) - h).square().mean().item())
    assert sizes[1] < 0.5 * sizes[0]


def orders(laps: int) -> list[tuple[tuple[int, ...], float]]:
    return [(phase.trains, phase.share) for phase in trgl({"laps": laps}).phases()]


def test_orders_of_training() -> None:
    assert orders(0) == [((0, 1, 2), 1.0)]
    assert orders(1) == [((0,), 1.0), ((1,), 1.0), ((2,), 1.0)]
    assert orders(2) == [((0,), 0.5), ((1,), 0.5), ((2,), 0.5)] * 2


@pytest.mark.parametrize("variant", ["parallel", "sequential", "laps"])
def test_every_module_has_the_same_budget_in_every_order(variant: str) -> None:
    method = trgl(dict(load_class(METHODS / "trgl.py", Method).variants[variant]))
    for k in range(3):
        assert sum(phase.share for phase in method.phases() if k in phase.trains) == pytest.approx(1)


def test_a_lap_trains_one_module_and_leaves_the_others_alone() -> None:
    method, batch = trgl({"laps": 2}), pictures()
    for phase in method.phases():
        set_phase(method, phase)
        before = [[p.detach().clone() for p in m.parameters()] for m in method.modules]
        losses = train_step(method, batch, build_optimizers(method, RECIPE, phase))
        assert len(losses) == 1
        moved = {
            k
            for k, (module, old) in enumerate(zip(method.modules, before, strict=True))
            if not all(map(torch.equal, module.parameters(), old))
        }
        assert moved == set(phase.trains)


def test_head_is_the_papers_and_a_linear_layer_for_tokens() -> None:
    head = build("trgl").auxiliaries[0]
    h = torch.randn(6, 8, 8, 8)
    conv, _, _, norm, _, linear = head.layers
    z = F.conv2d(h, conv.weight, padding=1).relu().mean((2, 3))
    z = (z - z.mean(0)) / (z.var(0, unbiased=False) + norm.eps).sqrt()
    torch.testing.assert_close(head(h), z @ linear.weight.T + linear.bias)
    tokens = load_class(METHODS / "trgl.py", Method)(residual_network(2, "NHWC"), TASK)
    assert type(tokens.auxiliaries[0]).__name__ == "LinearHead"


@pytest.mark.parametrize("options", [{"tau": 0.0}, {"tau": -1.0}, {"tau": "paper"}, {"laps": -1}, {"laps": 0.5}])
def test_refuses_what_makes_no_sense(options: dict) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        trgl(options)
