"""Pictures cut into patches, for hidden modules that learn to tell which patch lies below which in the same picture.

``grid`` x ``grid`` patches overlap by half, and are encoded each for itself. Where a network takes no pictures of their
size (position embeddings of a fixed number of tokens, too many strides), they are enlarged to that of the picture.
"""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.objectives import heads
from benchmark.engine.pictures.data import Task
from benchmark.errors import UserError


def size_for(modules: Sequence[nn.Module], outputs: Sequence[Features], task: Task, grid: int) -> int:
    """Side, in pixels, of the patches that enter ``modules``, whose outputs are ``outputs``.

    Raises:
        UserError: pictures of this size have no such grid.
    """
    if not 2 <= grid < task.image_size:
        pictures = f"pictures of {task.image_size}x{task.image_size}"
        raise UserError(f"grid is {grid}, but {pictures} have 2 to {task.image_size - 1} rows of patches.")
    side = 2 * _stride(task.image_size, grid)
    return side if _takes(modules, outputs, (task.channels, side, side)) else task.image_size


def cut(x: Tensor, grid: int, size: int) -> Tensor:
    """Pictures (B, C, H, H) -> patches (B * grid * grid, C, size, size), row by row."""
    stride = _stride(x.shape[-1], grid)
    rows = x.unfold(2, 2 * stride, stride)[:, :, :grid]
    cells = rows.unfold(3, 2 * stride, stride)[:, :, :, :grid]
    flat = cells.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).contiguous(memory_format=torch.channels_last)
    return flat if flat.shape[-1] == size else F.interpolate(flat, size=size, mode="bilinear")


def predictions(features: Features, grid: int, steps: int) -> nn.ModuleList:
    """A matrix W_s for each number of rows s = 1 ... min(steps, grid - 1)."""
    width = features.channels
    return nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(min(steps, grid - 1)))


def encoded(features: Features, h: Tensor, grid: int) -> Tensor:
    """A module's output on patches -> (B, row, column, C): global averages, of mean 0 and variance 1 over C."""
    z = heads.global_average(features.as_map(h))
    return F.layer_norm(z, z.shape[1:]).unflatten(0, (-1, grid, grid))


def _stride(image_size: int, grid: int) -> int:
    """Pixels between neighbouring patches, half a patch."""
    return image_size // (grid + 1)


def _takes(modules: Sequence[nn.Module], outputs: Sequence[Features], shape: tuple[int, int, int]) -> bool:
    """Whether all modules accept pictures of this shape; found without computing anything."""
    h = torch.empty(2, *shape, device="meta")
    try:
        for module, features in zip(modules, outputs, strict=False):
            h = copy.deepcopy(module).to("meta")(h)
            if features.as_map(h).shape[:2] != (2, features.channels):
                return False
    except (RuntimeError, AssertionError, ValueError):
        return False
    return True
