"""Normalisations written out are torch's."""

import pytest
import torch
from torch import nn

from benchmark.engine.objectives.plain_norms import norms_written_out

NORMS = {
    "batch": (lambda: nn.BatchNorm2d(6), (5, 6, 3, 2)),
    "vectors": (lambda: nn.BatchNorm1d(6), (5, 6)),
    "plain batch": (lambda: nn.BatchNorm2d(6, affine=False, track_running_stats=False), (5, 6, 3, 2)),
    "eval": (lambda: nn.BatchNorm2d(6).eval(), (5, 6, 3, 2)),
    "layer": (lambda: nn.LayerNorm((3, 2)), (5, 6, 3, 2)),
    "group": (lambda: nn.GroupNorm(3, 6), (5, 6, 3, 2)),
}


@pytest.mark.parametrize("name", NORMS)
def test_they_put_out_and_keep_the_same(name):
    make, shape = NORMS[name]
    norm, other, x = make().double(), make().double(), 2 + torch.randn(shape, dtype=torch.float64)
    for p, q in zip(norm.parameters(), other.parameters(), strict=True):
        q.data.copy_(p.data.normal_())
    with norms_written_out():
        found = norm(x)
    torch.testing.assert_close(found, other(x))
    for a, b in zip(norm.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)
