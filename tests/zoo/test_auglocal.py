"""AugLocal: which units it copies, at which depth, with what weights, and what its networks compute."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import make_method
from handmade import METHODS, TASK, pictures, run
from torch import nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class

SHAPES = {"a": (4, 8, 8), "b": (6, 4, 4)}  # of features, by stage


def partition(rows: Sequence[str]) -> SimpleNamespace:
    """Modules of units, one letter a unit, by the stage that it is in; the classifier stands in the last one."""
    torch.manual_seed(0)
    modules, unit_outputs, channels, size = [], [], 3, 8
    for row in rows:
        units = []
        for stage in row:
            width, side, _ = SHAPES[stage]
            units.append(nn.Sequential(nn.Conv2d(channels, width, 3, stride=size // side, padding=1), nn.ReLU()))
            channels, size = width, side
        modules.append(nn.Sequential(*units))
        unit_outputs.append([Features(stage, SHAPES[stage], "NCHW") for stage in row])
    modules[-1].append(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 4)))
    unit_outputs[-1].append(Features("out", (4,), "NC"))
    outputs = tuple(row[-1] for row in unit_outputs)
    return SimpleNamespace(
        modules=nn.ModuleList(modules), outputs=outputs, unit_outputs=tuple(map(tuple, unit_outputs))
    )


def auglocal(rows: Sequence[str], **options) -> Method:
    return load_class(METHODS / "auglocal.py", Method)(partition(rows), TASK, options)


@pytest.mark.parametrize(
    ("rows", "depth", "expected"),
    [
        # L = 17 units, l = 0: 16 follow, a step of 4
        (["a", "a" * 16], 4, [[4, 8, 12, 16]]),
        # l = 0, 16 follow, d = 6: 2.67 5.33 8 10.67 13.33 16
        (["a", "a" * 16], 6, [[3, 5, 8, 11, 13, 16]]),
        # l = 6, 10 follow, d = 3: 6 + 3.33, 6.67, 10
        (["a" * 7, "a" * 10], 3, [[9, 13, 16]]),
        # d = 1: the last unit of the backbone
        (["aaa", "aaaa"], 1, [[6]]),
        # no more than d follow: all of them
        (["aaa", "aa"], 2, [[3, 4]]),
        (["aaa", "aa"], 6, [[3, 4]]),
        # the classifier alone follows: none
        (["aaa", ""], 6, [[]]),
    ],
)
def test_units_are_sampled_evenly_from_those_that_follow(rows: list[str], depth: int, expected: list) -> None:
    method = auglocal(rows, depth=depth)
    assert [method.sampled(k) for k in range(len(rows) - 1)] == expected


@pytest.mark.parametrize(
    ("modules", "depth", "decay", "expected"),
    [
        (2, 6, 0.5, [6]),
        (3, 6, 0.5, [6, 4]),  # 6 (1 - 0.5) + 0.5 = 3.5
        (5, 6, 0.5, [6, 5, 4, 4]),  # 6, 5.17, 4.33, 3.5
        (4, 9, 1.0, [9, 5, 1]),  # 9 (1 - r) + r at r = 0, 1/2, 1
        (4, 5, 0.0, [5, 5, 5]),
        (4, 1, 0.5, [1, 1, 1]),
    ],
)
def test_networks_grow_shallower(modules: int, depth: int, decay: float, expected: list[int]) -> None:
    method = auglocal(["a"] * modules, depth=depth, decay=decay)
    assert [method.depth(k) for k in range(modules - 1)] == expected


def test_a_network_without_adapters_computes_what_its_units_and_classifier_say() -> None:
    method = auglocal(["a", "aaaa", "a"], depth=2)
    first, second, head = method.auxiliaries[0].double()
    h = torch.randn(5, 4, 8, 8, dtype=torch.float64)
    expected = h
    for unit in (first, second):
        conv = unit[0]
        expected = F.conv2d(expected, conv.weight, conv.bias, padding=1).clamp(min=0)
    pooled = expected.detach().numpy().reshape(5, 4, 64).mean(2)
    logits = pooled @ head.linear.weight.detach().numpy().T + head.linear.bias.detach().numpy()
    y = torch.tensor([0, 1, 2, 3, 0])
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss = method.local_loss(0, h, SimpleNamespace(y=y))
    assert loss.item() == pytest.approx(-log_p[np.arange(5), y.numpy()].mean(), rel=1e-10)


def kinds(method: Method, k: int) -> list[str]:
    return [type(part).__name__ for part in method.auxiliaries[k]]


def test_an_adapter_stands_where_the_shape_is_not_the_one_expected() -> None:
    # units 0 a | 1 a, 2 b, 3 b, 4 b | classifier; d = 2 samples 2 (fits, it takes a) and 4 (takes b)
    method = auglocal(["a", "abbb"], depth=2)
    assert method.sampled(0) == [2, 4]
    assert kinds(method, 0) == ["Sequential", "Sequential", "LinearHead"]
    # d = 1 samples 4, which takes b, where a arrives
    method = auglocal(["a", "abbb"], depth=1)
    adapter, _, _ = method.auxiliaries[0]
    assert kinds(method, 0) == ["Adapter", "Sequential", "LinearHead"]
    h = torch.randn(7, 4, 8, 8, dtype=torch.float64)
    pooled = h.view(7, 4, 4, 2, 4, 2).mean((3, 5))
    mixed = torch.einsum("oc,bchw->bohw", adapter.double().conv.weight[:, :, 0, 0], pooled)
    mean, var = mixed.mean((0, 2, 3), keepdim=True), mixed.var((0, 2, 3), unbiased=False, keepdim=True)
    torch.testing.assert_close(adapter(h), (mixed - mean) / (var + adapter.norm.eps).sqrt())


def test_an_adapter_makes_tokens_of_maps() -> None:
    adapter = type(auglocal(["a", "abbb"], depth=1).auxiliaries[0][0])
    tokens = Features("t", (5, 6), "NLC", 1)
    out = adapter(Features("a", (4, 8, 8), "NCHW"), tokens)(torch.randn(3, 4, 8, 8))
    assert out.shape == (3, 5, 6)
    assert (out[:, 0] == 0).all()


def test_copies_have_weights_of_their_own() -> None:
    method = auglocal(["a", "a", "aaa"], depth=9, decay=0.0)
    backbone = [unit[0].weight for module in method.modules for unit in list(module)[:3]][:5]
    copies = [part[0].weight for auxiliary in list(method.auxiliaries)[:2] for part in list(auxiliary)[:-1]]
    assert len(copies) == 4 + 3
    weights = [w for w in [*backbone, *copies] if w.shape == (4, 4, 3, 3)]
    assert len({w.data_ptr() for w in weights}) == len(weights)
    assert all(not torch.equal(a, b) for i, a in enumerate(weights) for b in weights[:i])


def test_on_a_real_resnet_the_backbone_keeps_its_weights(digits) -> None:
    method, twin = make_method("auglocal", 2, digits), make_method("e2ebp", 2, digits)
    assert all(map(torch.equal, method.modules.parameters(), twin.modules.parameters()))
    # units: stem, layer1.0 | layer2.0, layer3.0, fc: both blocks follow
    assert method.sampled(0) == [2, 3]
    assert sum(p.numel() for p in method.auxiliaries.parameters()) == sum(
        p.numel() for p in twin.modules[1].parameters()
    )


def test_thirty_steps_lower_every_loss() -> None:
    rows = run(auglocal(["aa", "ab", "bb"], depth=2), 30, pictures())
    assert all(end < start for start, end in zip(rows[0], rows[-1], strict=True))


@pytest.mark.parametrize("options", [{"depth": 0}, {"depth": 1.5}, {"decay": 2.0}])
def test_refuses_what_makes_no_sense(options: dict) -> None:
    with pytest.raises(UserError, match="depth of 1 or more"):
        auglocal(["a", "aa"], **options)
