"""Greedy InfoMax: InfoNCE and the patches against their equations, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from handmade import METHODS, TASK, build, network, pictures, run
from torch import Tensor, nn

from benchmark.engine.objectives import losses
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import set_phase
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class


def test_info_nce_is_the_equation() -> None:
    draw = np.random.default_rng(0)
    p, z, n = draw.normal(size=(5, 3)), draw.normal(size=(5, 3)), draw.integers(5, size=(5, 4))
    expected = 0.0
    for i in range(5):
        right = math.exp(p[i] @ z[i])
        expected -= math.log(right / (right + sum(math.exp(p[i] @ z[j]) for j in n[i]))) / 5
    found = losses.info_nce(*map(torch.from_numpy, (p, z, n)))
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_info_nce_stays_finite_where_a_softmax_underflows() -> None:
    p, z = torch.tensor([[1.0], [1.0]]), torch.tensor([[-500.0], [500.0]])
    assert losses.info_nce(p, z, torch.tensor([[1], [0]])).item() == pytest.approx(500)


def expected_loss(z: np.ndarray, weights: list[np.ndarray], drawn: list[np.ndarray]) -> float:
    """z (B, row, column, C); ``drawn``: for each W the numbers of the negatives among its targets."""
    values = []
    for step, (w, negatives) in enumerate(zip(weights, drawn, strict=True), start=1):
        spots = [(b, r, c) for b in range(len(z)) for r in range(3 - step) for c in range(3)]
        targets = [z[b, r + step, c] for b, r, c in spots]
        total = 0.0
        for i, spot in enumerate(spots):
            prediction = w @ z[spot] / math.sqrt(z.shape[-1])
            right = math.exp(prediction @ targets[i])
            total -= math.log(right / (right + sum(math.exp(prediction @ targets[j]) for j in negatives[i])))
        values.append(total / len(spots))
    return sum(values) / len(values)


def test_the_loss_predicts_the_patches_below_in_the_same_column(monkeypatch: pytest.MonkeyPatch) -> None:
    method, drawn = build("gim"), []
    method.auxiliaries.double()
    plain = losses.info_nce

    def noted(p: Tensor, z: Tensor, negatives: Tensor) -> Tensor:
        drawn.append(negatives.numpy())
        return plain(p, z, negatives)

    monkeypatch.setattr(losses, "info_nce", noted)
    h = torch.randn(36, 8, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    value = method.local_loss(0, h, pictures(4))
    z = h.mean((2, 3)).view(4, 3, 3, 8).numpy()
    z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)
    weights = [w.weight.detach().numpy() for w in method.auxiliaries[0]]
    assert [d.shape for d in drawn] == [(24, 16), (12, 16)]
    assert value.item() == pytest.approx(expected_loss(z, weights, drawn), rel=1e-12)
    for negatives in drawn:
        assert (negatives != np.arange(len(negatives))[:, None]).all()
        assert set(negatives.ravel()) == set(range(len(negatives)))


def test_patches_that_are_all_alike_cost_the_logarithm_of_the_choices() -> None:
    method = build("gim", {"negatives": 7})
    assert method.local_loss(0, torch.ones(36, 8, 4, 4), pictures(4)).item() == pytest.approx(math.log(8), rel=1e-5)


@pytest.mark.parametrize("grid", [1, 8])
def test_a_grid_that_does_not_fit_is_refused(grid: int) -> None:
    with pytest.raises(UserError, match=f"grid is {grid}, but pictures of 8x8 have 2 to 7 rows"):
        build("gim", {"grid": grid})


class Positions(nn.Module):
    """Position embeddings of a fixed number of tokens, as in a ViT."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(1, 8, 8, 8))

    def forward(self, h: Tensor) -> Tensor:
        return h + self.table


def test_patches_are_enlarged_for_a_network_of_fixed_size() -> None:
    partition = network()
    partition.modules[1].append(Positions())
    method = load_class(METHODS / "gim.py", Method)(partition, TASK)
    assert (method.patch_size, build("gim").patch_size) == (8, 4)
    rows = run(method, 1, pictures(8))
    assert [len(row) for row in rows] == [2, 1]


def test_no_loss_reaches_another_module_and_none_reads_a_label() -> None:
    values = {}
    for name, y in {"true": pictures(16).y, "garbage": torch.full((16,), -999)}.items():
        method = build("gim", k=4)
        hidden, last = method.phases()
        assert (hidden.labels, hidden.trains, last.labels, last.trains) == ("none", (0, 1, 2), "full", (3,))
        set_phase(method, hidden)
        torch.manual_seed(0)
        values[name] = []
        for k, loss in enumerate(method.losses(replace(pictures(16), y=y))):
            loss.backward()
            values[name].append(loss.item())
            for j in range(4):
                own = [*method.modules[j].parameters(), *method.auxiliaries[j].parameters()]
                assert all((p.grad is not None) == (j == k) for p in own), (k, j)
            method.modules.zero_grad(), method.auxiliaries.zero_grad()
    assert values["true"] == values["garbage"]


def test_the_classifier_learns_on_whole_pictures() -> None:
    method, batch = build("gim", k=3), pictures(16)
    set_phase(method, method.phases()[1])
    seen = []
    method.modules[0].register_forward_hook(lambda m, inputs, o: seen.append(inputs[0]))
    (loss,) = method.losses(batch)
    assert torch.equal(seen[0], batch.x)
    h = batch.x
    for module in method.modules:
        h = module(h)
    torch.testing.assert_close(loss, nn.functional.cross_entropy(h, batch.y))
    torch.testing.assert_close(method.predict(batch.x), h)


def test_learns_and_then_reads_out() -> None:
    rows = run(build("gim", k=3), 30, pictures())
    first, second = rows[:30], rows[30:]
    assert all(end < start for start, end in zip(first[0], first[-1], strict=True))
    assert second[-1][0] < second[0][0]
