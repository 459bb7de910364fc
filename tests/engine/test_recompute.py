"""Units that are computed again: the same bits, in less memory."""

from functools import partial

import pytest
import torch
from conftest import make_method, small_suite
from training import RECIPE

from benchmark.engine.load import load_method
from benchmark.engine.measuring.cost import simulate_peak
from benchmark.engine.pictures.data import Task
from benchmark.engine.training.build import build_method
from benchmark.engine.training.train import train_phase
from benchmark.errors import UserError
from benchmark.schema.suite import Backbone

TASK = Task(10, 32, 3, (0.5,) * 3, (0.25,) * 3)
AGAIN = RECIPE.model_copy(update={"recompute": "units"})


def trained(name, recipe, digits, loader):
    method = make_method(name, 2, digits)
    torch.manual_seed(0)
    for index, phase in enumerate(method.phases()):
        train_phase(method, phase, loader, recipe, lambda: None, index=index)
    return {**method.modules.state_dict(prefix="m."), **method.auxiliaries.state_dict(prefix="a.")}


@pytest.mark.parametrize("name", ["e2ebp", "predsim", "trgl", "greedy_layerwise"])
def test_weights_and_statistics_are_the_same_to_the_bit(name, digits, loader):
    once, again = (trained(name, recipe, digits, loader) for recipe in (RECIPE, AGAIN))
    assert all(torch.equal(once[key], again[key]) for key in once)


def test_a_step_needs_less_memory():
    made = load_method("dgl"), {}, small_suite(), Backbone(name="cifar_resnet20"), TASK, 2, 0
    once, again = (simulate_peak(partial(build_method, *made), recipe, TASK, 64) for recipe in (RECIPE, AGAIN))
    assert again < 0.7 * once


def test_who_steps_before_it_back_propagates_is_refused(digits, loader):
    with pytest.raises(UserError, match="recompute would see other weights"):
        trained("ddg", AGAIN, digits, loader)
