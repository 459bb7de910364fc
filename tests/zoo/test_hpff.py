"""HPFF: which modules a loss moves, cascades that see what the chain sees, and heads on quarters, by hand."""

import pytest
import torch
import torch.nn.functional as F
from handmade import build, pictures, run
from torch import nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.measuring.isolation import moved_modules
from benchmark.engine.objectives import perturbation

FILE = type(build("hpff")).losses.__globals__


def test_losses_move_a_module_and_the_one_before() -> None:
    assert moved_modules(build("hpff", k=4), pictures(16)) == [(0,), (0, 1), (1, 2), (2, 3)]


def test_a_cascade_repeats_the_chain_and_leaves_its_statistics_alone() -> None:
    """Without dropout the last module has the same logits in both terms, and BatchNorm moves once a step."""
    method, batch = build("hpff", {"own": 0.25}), pictures(16)
    for part in method.modules.modules():
        if isinstance(part, nn.Dropout2d):
            part.p = 0.0
    *_, last = method.losses(batch)
    h = batch.x
    for module in method.modules:
        h = module(h)
    torch.testing.assert_close(last, 1.25 * F.cross_entropy(h, batch.y))
    run(method, 1, batch)
    assert {int(b) for name, b in method.modules.named_buffers() if "tracked" in name} == {3}  # once in each pass above


def test_the_own_loss_is_weighed_and_the_cascade_has_a_head_of_its_own() -> None:
    method, batch = build("hpff", {"own": 0.25}, k=4), pictures(16)
    with perturbation.without_dropout(method.modules):
        *found, _ = (loss.item() for loss in method.losses(batch))
        *maps, _ = method.chain(batch.x)
    for k, (loss, h) in enumerate(zip(found, maps, strict=True)):
        by_head = {name: F.cross_entropy(head(h), batch.y).item() for name, head in method.auxiliaries[k].items()}
        assert loss == pytest.approx(0.25 * by_head["own"] + (by_head["cascade"] if k else 0.0), rel=1e-5), k


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 3), (2, 1)])
def test_a_head_averages_over_quarters(height: int, width: int) -> None:
    torch.manual_seed(0)
    head = FILE["QuarterHead"](Features("x", (3, height, width), "NCHW"), 4).eval()
    h = torch.randn(2, 3, height, width)
    a, b = -(-height // 2), -(-width // 2)
    corners = [h[:, :, i : i + a, j : j + b] for i in (0, height - a) for j in (0, width - b)]
    torch.testing.assert_close(head(h), sum(head.head(corner) for corner in corners) / 4)


def test_a_map_of_one_position_is_seen_whole() -> None:
    head = FILE["QuarterHead"](Features("x", (3,), "NC"), 4).eval()
    h = torch.randn(2, 3)
    torch.testing.assert_close(head(h), head.head(h[:, :, None, None]))
