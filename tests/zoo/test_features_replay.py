"""Features replay: its delayed updates against numpy, K = 1 against backpropagation, and how its pipeline fills."""

import pytest
import torch
from handmade import build, pictures, run
from linear import check_delayed_updates
from torch import nn

from benchmark.engine.training.train import set_phase


def test_its_updates_are_those_of_a_simulation_in_numpy():
    check_delayed_updates("features_replay", old_weights=False)


def test_old_weights_would_give_other_updates():
    with pytest.raises(AssertionError):
        check_delayed_updates("features_replay", old_weights=True)


def test_one_module_is_backpropagation_to_the_digit():
    method, twin, batch = build("features_replay", k=1), build("e2ebp", k=1), pictures()
    assert run(method, 3, batch) == run(twin, 3, batch)
    assert all(map(torch.equal, method.modules.parameters(), twin.modules.parameters()))


def test_the_pipeline_fills_from_the_last_module_down_and_a_new_phase_empties_it():
    method, batch = build("features_replay", k=3), pictures(8)
    assert method.lag == 2
    for _ in range(2):
        assert [len(row) for row in run(method, 4, batch)] == [1, 2, 3, 3]
    assert [len(inputs) for inputs in method.inputs] == [2, 1, 0]


def test_statistics_move_once_for_each_replay_and_not_in_the_play():
    method, batch = build("features_replay", k=3), pictures(8)
    run(method, 5, batch)
    norms = [part for part in method.modules.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [3, 4]


def test_a_module_holds_no_graph_between_steps():
    method, batch = build("features_replay", k=3), pictures(8)
    set_phase(method, method.phases()[0])
    for _ in range(4):
        for loss in method.losses(batch):
            loss.backward()
    kept = [h for inputs in method.inputs for h in inputs] + [g for g in method.gradients if g is not None]
    assert kept
    assert all(h.grad_fn is None for h in kept)
