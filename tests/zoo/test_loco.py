"""LoCo: NT-Xent against its equation, and pairs of modules that share a loss, against explicit pairs."""

import math
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from handmade import build, pictures, run
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.objectives import heads, losses
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.train import set_phase
from benchmark.errors import UserError


def two_views(count: int = 16) -> Batch:
    batch = pictures(count)
    noise = torch.randn(batch.x.shape, generator=torch.Generator().manual_seed(5))
    return replace(batch, view=replace(batch, x=batch.x + noise))


def in_float64(k: int, options: dict | None = None):
    """The method in its first phase, in float64 and without dropout, and a batch for it."""
    method, batch = build("loco", options, k=k), two_views()
    set_phase(method, method.phases()[0])
    method.modules.double(), method.auxiliaries.double()
    for part in method.modules.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0
    view = replace(batch.view, x=batch.view.x.double())
    return method, replace(batch, x=batch.x.double(), view=view)


def gradients(method) -> list[Tensor | None]:
    return [p.grad for p in (*method.modules.parameters(), *method.auxiliaries.parameters())]


def test_nt_xent_is_the_equation() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    z = np.concatenate([a, b])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    expected = 0.0
    for i in range(10):
        scores = {j: math.exp(z[i] @ z[j] / 0.3) for j in range(10) if j != i}
        expected -= math.log(scores[(i + 5) % 10] / sum(scores.values())) / 10
    assert losses.nt_xent(torch.from_numpy(a), torch.from_numpy(b), 0.3).item() == pytest.approx(expected, rel=1e-12)


def test_nt_xent_of_equal_embeddings_is_the_logarithm_of_their_number() -> None:
    z = torch.ones(6, 4, dtype=torch.float64)
    assert losses.nt_xent(z, 2 * z, 0.1).item() == pytest.approx(math.log(11))


@pytest.mark.parametrize(
    ("k", "pairs"), [(2, [(0,)]), (3, [(0, 1)]), (4, [(0, 1), (1, 2)]), (5, [(0, 1), (1, 2), (2, 3)])]
)
def test_every_loss_moves_a_pair_and_the_decoder_at_its_end(k: int, pairs: list[tuple[int, ...]]) -> None:
    method = build("loco", k=k)
    set_phase(method, method.phases()[0])
    moved = []
    for loss in method.losses(two_views()):
        loss.backward()
        grads = [[p.grad is not None for p in m.parameters()] for m in method.modules]
        assert all(all(g) == any(g) for g in grads)
        decoders = [j for j in range(k) if any(p.grad is not None for p in method.auxiliaries[j].parameters())]
        moved.append(tuple(j for j in range(k) if any(grads[j])))
        assert decoders == [moved[-1][-1]]
        method.modules.zero_grad(), method.auxiliaries.zero_grad()
    assert moved == pairs


def test_gradients_are_those_of_two_explicit_pairs() -> None:
    method, batch = in_float64(k=4)
    for loss in method.losses(batch):
        loss.backward()
    found = gradients(method)
    method.modules.zero_grad(), method.auxiliaries.zero_grad()

    f, g = method.modules, method.auxiliaries
    x = torch.cat([batch.x, batch.view.x])
    h = f[0](x)
    total = torch.zeros((), dtype=torch.float64)
    for z in (g[1](f[1](h)), g[2](f[2](f[1](h.detach())))):
        z = nn.functional.normalize(z, dim=1)
        scores = (z @ z.T / 0.1).fill_diagonal_(-torch.inf)
        total = total + nn.functional.cross_entropy(scores, torch.arange(32).roll(16))
    total.backward()
    for a, b in zip(found, gradients(method), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)
    assert not any(p.grad is not None for p in g[0].parameters())


def test_statistics_move_once_a_step_by_both_views_together() -> None:
    method, batch = in_float64(k=4)
    x = torch.cat([batch.x, batch.view.x])
    for loss in method.losses(batch):
        loss.backward()
    for k in range(3):
        conv, norm = method.modules[k][:2]
        assert norm.num_batches_tracked == 1
        torch.testing.assert_close(norm.running_mean, 0.1 * conv(x).mean((0, 2, 3)))
        x = method.modules[k][2](torch.nn.functional.batch_norm(conv(x), None, None, norm.weight, norm.bias, True))


def test_a_pair_is_gone_before_the_next_one_is_built() -> None:
    method = build("loco", k=5)
    set_phase(method, method.phases()[0])
    outputs: list[weakref.ref] = []
    for module in method.modules:
        module[0].register_forward_hook(lambda m, i, o: outputs.append(weakref.ref(o)))
    alive = []
    for loss in method.losses(two_views()):
        alive.append(sum(ref() is not None for ref in outputs))
        loss.backward()
        del loss
    assert alive == [2, 2, 2]
    assert len(outputs) == 6


@pytest.mark.parametrize("k", [2, 4])
def test_hidden_modules_read_no_label_and_the_classifier_does(k: int) -> None:
    hidden, last = build("loco", k=k).phases()
    assert (hidden.labels, hidden.trains, last.labels, last.trains) == ("none", tuple(range(k - 1)), "full", (k - 1,))
    values = {}
    for name, y in {"true": pictures(16).y, "garbage": torch.full((16,), -999)}.items():
        method, batch = in_float64(k)
        values[name] = [
            float(loss.detach()) for loss in method.losses(replace(batch, y=y, view=replace(batch.view, y=y)))
        ]
    assert values["true"] == values["garbage"]


def test_learns_and_then_reads_out() -> None:
    rows = run(build("loco", k=3), 20, two_views(64))
    first, second = rows[:20], rows[20:]
    assert first[-1][0] < first[0][0]
    assert second[-1][0] < second[0][0]


def test_a_deeper_decoder_has_convolutions() -> None:
    def count(options: dict) -> int:
        return sum(isinstance(m, nn.Conv2d) for m in build("loco", options).auxiliaries.modules())

    assert (count({}), count({"convolutions": 2})) == (0, 2)


@pytest.mark.parametrize(
    "features",
    [
        Features("x", (6, 4, 4), "NCHW"),
        Features("x", (4, 4, 6), "NHWC"),
        Features("x", (17, 6), "NLC", 1),
        Features("x", (6,), "NC"),
    ],
)
def test_projection_head_is_the_equation_in_every_layout(features: Features) -> None:
    head = heads.ProjectionHead(features, outputs=5).double()
    h = torch.randn(3, *features.shape, dtype=torch.float64)
    first, _, second = head.perceptron
    mean = features.as_map(h).mean((2, 3))
    expected = (mean @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
    torch.testing.assert_close(head(h), expected)
    assert heads.ProjectionHead(features, 5, convolutions=1).train()(h.float()).shape == (3, 5)


def test_resized_crops_are_parts_of_the_picture_of_the_shares_asked_for() -> None:
    """Two channels say where a pixel lies, from -1 to 1: how they change over a crop says where it was cut."""
    side, area = 16, 0.3
    place = (2 * torch.arange(side, dtype=torch.float64) + 1) / side - 1
    x = torch.stack([place[:, None].expand(side, side), place[None].expand(side, side)]).repeat(500, 1, 1, 1)
    torch.manual_seed(0)
    crops = functions().resized_crops(x, area)
    rows, columns = crops[:, 0, :, side // 2], crops[:, 1, side // 2]
    sizes = [(c[:, 9] - c[:, 6]) / (place[9] - place[6]) for c in (rows, columns)]  # 1: the whole side
    share, ratio = sizes[0] * sizes[1], sizes[1] / sizes[0]
    assert share.min() > 0.9 * area  # where 4:3 does not fit into the picture a side is cut
    assert 0.3 < share.quantile(0.1) < 0.45
    assert 0.85 < share.quantile(0.9) <= 1
    assert ratio.min() >= 0.75 - 1e-9
    assert ratio.max() <= 4 / 3 + 1e-9
    for c, size in zip((rows, columns), sizes, strict=True):
        middle = c[:, 7:9].mean(1)
        assert (middle.abs() + size <= 1 + 1e-9).all()
        assert middle.min() < -0.2
        assert middle.max() > 0.2


def test_without_resizing_views_are_the_suites_and_nothing_is_drawn() -> None:
    x, ours = torch.randn(2, 3, 8, 8), functions()
    state = torch.get_rng_state()
    assert ours.resized_crops(x, 1.0) is x
    assert torch.equal(state, torch.get_rng_state())


def test_both_views_are_resized() -> None:
    method = build("loco", {"area": 0.5})
    set_phase(method, method.phases()[0])
    seen = []
    method.modules[0].register_forward_hook(lambda m, inputs, o: seen.append(inputs[0]))
    batch = two_views()
    next(method.losses(batch))
    plain = torch.cat([batch.x, batch.view.x])
    assert seen[0].shape == plain.shape
    assert all((seen[0][i] - plain[i]).abs().max() > 0.1 for i in range(len(plain)))


@pytest.mark.parametrize("area", [0.0, 1.5, "half"])
def test_an_area_that_is_no_share_is_refused(area: object) -> None:
    with pytest.raises(UserError, match="area"):
        build("loco", {"area": area})


def functions() -> SimpleNamespace:
    """What the method's file defines."""
    return SimpleNamespace(**type(build("loco")).losses.__globals__)
