"""Pictures cut into patches: which pixels, how many, how large, and what a network that takes none is given."""

import pytest
import torch
from handmade import network, pictures
from torch import nn

from benchmark.engine.objectives import patches


def test_patches_overlap_by_half_and_stand_row_by_row() -> None:
    x = torch.arange(2 * 3 * 64, dtype=torch.float32).view(2, 3, 8, 8)
    found = patches.cut(x, grid=3, size=4)
    assert found.shape == (18, 3, 4, 4)
    for picture in range(2):
        for row in range(3):
            for column in range(3):
                part = x[picture, :, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
                assert torch.equal(found[9 * picture + 3 * row + column], part)


@pytest.mark.parametrize(("grid", "side"), [(3, 4), (2, 4), (5, 2), (7, 2)])
def test_a_grid_has_its_number_of_patches_whatever_the_rest(grid: int, side: int) -> None:
    assert patches.cut(pictures(2).x, grid, side).shape == (2 * grid**2, 3, side, side)


def test_patches_are_enlarged_to_the_size_that_a_network_takes() -> None:
    assert patches.cut(pictures(2).x, grid=3, size=8).shape == (18, 3, 8, 8)


@pytest.mark.parametrize(("grid", "steps", "count"), [(3, 5, 2), (3, 1, 1), (7, 5, 5), (2, 5, 1)])
def test_there_is_a_prediction_for_each_row_below_up_to_as_many_as_asked(grid: int, steps: int, count: int) -> None:
    made: nn.ModuleList = patches.predictions(network().outputs[0], grid, steps)
    assert [layer.weight.shape for layer in made] == [(8, 8)] * count


def test_what_is_encoded_has_mean_0_and_variance_1_over_its_channels() -> None:
    z = patches.encoded(network().outputs[0], 3 + 2 * torch.randn(2 * 9, 8, 4, 4), grid=3)
    assert z.shape == (2, 3, 3, 8)
    torch.testing.assert_close(z.mean(-1), torch.zeros(2, 3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(z.var(-1, correction=0), torch.ones(2, 3, 3), atol=1e-2, rtol=0)
