"""BatchNorm over the batch of several processes, on processors as on GPUs (torch's own needs CUDA).

        y = β + γ x̂,   x̂ = (x - m) s,   s = 1 / sqrt(v + ε),   m, v: mean and biased variance over all processes
        ∂x = γ s ( ∂y - mean(∂y) - x̂ mean(∂y x̂) ),   both means over all processes

The gradients of γ and β are those of the process's own share: they are averaged with all others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.engine.objectives.process_group import TOGETHER, ProcessGroup

ALONE = F.batch_norm


@contextmanager
def norms_can_be_shared() -> Iterator[None]:
    """Inside, BatchNorm of whatever layer (torch's, timm's) asks :data:`TOGETHER` whose batch it is of.

    In torch's function rather than in layers: what a checkpoint computes again in a backward pass, in a thread of
    autograd's, goes through it, too.
    """
    F.batch_norm = batch_norm
    try:
        yield
    finally:
        F.batch_norm = ALONE


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As torch's, of the batch of all processes where they share it, (B, C, ...) -> (B, C, ...)."""
    group = TOGETHER.norms
    if group is None or not training:
        return ALONE(input, running_mean, running_var, weight, bias, training, momentum, eps)
    out, mean, var = _Shared.apply(input, weight, bias, eps, group)
    if running_mean is not None and running_var is not None:
        count = group.size * input.numel() // input.shape[1]
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_(var.to(running_var.dtype) * (count / max(1, count - 1)), momentum)
    return out


class _Shared(torch.autograd.Function):
    """Also returns the whole batch's mean and biased variance, (C,)."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, group: ProcessGroup
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.group, ctx.dims = group, [0, *range(2, x.dim())]
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        var, mean = torch.var_mean(wide, ctx.dims, correction=0)
        variances, means = torch.stack(group.gather(torch.stack([var, mean])), 1)
        mean = means.mean(0)
        var = variances.mean(0) + (means - mean).square().mean(0)  # no difference of large squares
        scale = (var + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, scale)
        out = (wide - _wide(mean, x)) * _wide(scale if weight is None else scale * weight, x)
        out = out if bias is None else out + _wide(bias, x)
        ctx.mark_non_differentiable(mean, var)
        return out.to(x.dtype), mean, var

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        g = gradient.to(mean.dtype)
        normal = (x.to(mean.dtype) - _wide(mean, x)) * _wide(scale, x)
        to_bias, to_weight = g.sum(ctx.dims), (g * normal).sum(ctx.dims)
        sums = ctx.group.sum(torch.stack([to_bias, to_weight])) / (ctx.group.size * x.numel() // x.shape[1])
        to_x = g - _wide(sums[0], x) - normal * _wide(sums[1], x)
        to_x = to_x * _wide(scale if weight is None else scale * weight, x)
        needs = ctx.needs_input_grad
        return to_x.to(x.dtype), to_weight if needs[1] else None, to_bias if needs[2] else None, None, None


def _wide(values: Tensor, x: Tensor) -> Tensor:
    """(C,) to be multiplied with ``x`` (B, C, ...)."""
    return values.view(1, -1, *[1] * (x.dim() - 2))
