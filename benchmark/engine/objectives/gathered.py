"""Objectives of a whole batch, where each of several processes has a share of it.

A function of features and labels of all pictures (a contrastive loss, a kernel) is given those of all processes, in
the order of the batch; every process computes the same. Gradients come back to who gave the features, summed over the
processes, so that their average over these is the gradient of one process with the whole batch.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from benchmark.engine.objectives.process_group import TOGETHER, ProcessGroup

F = TypeVar("F", bound=Callable[..., Tensor])


def of_whole_batch(function: F) -> F:
    """The function, given the whole batch where a recipe has objectives gathered; else as it is.

    All tensors among its arguments have the pictures as their first dimension.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Tensor:
        group = TOGETHER.objectives
        if group is None:
            return function(*args, **kwargs)
        args, kwargs = tree_map_only(Tensor, lambda tensor: gather(tensor, group), (args, kwargs))
        with TOGETHER.over(TOGETHER.norms, None):  # what it calls has the whole batch already
            return function(*args, **kwargs)

    return run  # type: ignore[return-value]


def gather(tensor: Tensor, group: ProcessGroup) -> Tensor:
    """(b, ...) of each process as (B, ...) of all, in their order; differentiable."""
    found: Tensor = _Gather.apply(tensor, group)
    return found


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return torch.cat(group.gather(tensor))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        whole = ctx.group.sum(gradient.clone(memory_format=torch.contiguous_format))
        return whole.chunk(ctx.group.size)[ctx.group.rank], None
