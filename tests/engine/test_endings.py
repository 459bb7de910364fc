"""The ReLU that a module ends in is told apart, also where it works in place; one that comes earlier is not."""

import pytest
import torch
from torch import nn

from benchmark.engine.objectives.endings import before_relu


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("ends", [False, True])
def test_what_a_module_makes_before_its_last_relu(inplace, ends):
    first, second = nn.Linear(3, 4), nn.Linear(4, 5)
    module = nn.Sequential(first, nn.ReLU(inplace), second, *([nn.ReLU(inplace)] if ends else []))
    x = torch.randn(6, 3)
    a, bent = before_relu(module, x)
    assert bent == ends
    torch.testing.assert_close(a, second(first(x).relu()))
    torch.testing.assert_close(a.relu() if bent else a, module(x))
    a.sum().backward()  # nothing that it needs was overwritten
    assert first.weight.grad is not None
