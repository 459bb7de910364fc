"""DDG: its delayed updates against numpy, K = 1 against backpropagation, and how its pipeline fills."""

import pytest
import torch
from handmade import build, pictures, run
from linear import check_delayed_updates
from torch import nn

from benchmark.engine.measuring.isolation import leaks


def test_its_updates_are_those_of_a_simulation_in_numpy():
    check_delayed_updates("ddg", old_weights=True)


def test_todays_weights_would_give_other_updates():
    with pytest.raises(AssertionError):
        check_delayed_updates("ddg", old_weights=False)


def test_one_module_is_backpropagation_to_the_digit():
    method, twin, batch = build("ddg", k=1), build("e2ebp", k=1), pictures()
    assert run(method, 3, batch) == run(twin, 3, batch)
    assert all(map(torch.equal, method.modules.parameters(), twin.modules.parameters()))


def test_the_pipeline_fills_from_the_last_module_down_and_a_new_phase_empties_it():
    method, batch = build("ddg", k=3), pictures(8)
    assert method.lag == 2
    for _ in range(2):
        assert [len(row) for row in run(method, 4, batch)] == [1, 2, 3, 3]
    assert [len(passes) for passes in method.passes] == [2, 1, 0]


def test_statistics_are_those_of_plain_forward_passes():
    method, batch = build("ddg", k=3), pictures(8)
    first = next(part for part in method.modules.modules() if isinstance(part, nn.BatchNorm2d))
    seen = method.modules[0][0](batch.x).mean((0, 2, 3))
    run(method, 1, batch)
    torch.testing.assert_close(first.running_mean, 0.1 * seen)
    run(method, 4, batch)
    assert int(first.num_batches_tracked) == 5


def test_old_graphs_outlive_buffers_that_are_put_back():
    assert leaks(build("ddg", k=3), pictures(8)) == []
