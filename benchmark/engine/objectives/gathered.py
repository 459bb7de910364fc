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

from benchmark.engine.objectives.team import TOGETHER, Team

F = TypeVar("F", bound=Callable[..., Tensor])


def of_whole_batch(function: F) -> F:
    """The function, given the whole batch where a recipe has objectives gathered; else as it is.

    All tensors among its arguments have the pictures as their first dimension.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Tensor:
        team = TOGETHER.objectives
        if team is None:
            return function(*args, **kwargs)
        args, kwargs = tree_map_only(Tensor, lambda tensor: gather(tensor, team), (args, kwargs))
        with TOGETHER.over(TOGETHER.norms, None):  # what it calls has the whole batch already
            return function(*args, **kwargs)

    return run  # type: ignore[return-value]


def gather(tensor: Tensor, team: Team) -> Tensor:
    """(b, ...) of each process as (B, ...) of all, in their order; differentiable."""
    found: Tensor = _Gather.apply(tensor, team)
    return found


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, team: Team) -> Tensor:
        ctx.team = team
        return torch.cat(team.gather(tensor))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        whole = ctx.team.sum(gradient.clone(memory_format=torch.contiguous_format))
        return whole.chunk(ctx.team.size)[ctx.team.rank], None
