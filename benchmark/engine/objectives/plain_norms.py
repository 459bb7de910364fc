"""Normalisations written out, for tangents: torch's own formulas of theirs round in another way under a meter.

        y = β + γ (x - m) / sqrt(v + ε)

A step must be the same to the bit whether it is counted or not, and those of torch are not.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from benchmark.engine.objectives.autocast import widened
from benchmark.engine.objectives.process_group import TOGETHER
from benchmark.errors import UserError


@contextmanager
def norms_written_out() -> Iterator[None]:
    """Inside, layers that normalise (torch's, timm's) compute in plain steps."""
    theirs = F.batch_norm, F.layer_norm, F.group_norm
    F.batch_norm, F.layer_norm, F.group_norm = batch_norm, layer_norm, group_norm
    try:
        yield
    finally:
        F.batch_norm, F.layer_norm, F.group_norm = theirs


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
    """As torch's, (B, C, ...) -> (B, C, ...).

    Raises:
        UserError: several processes share the batch, of which no tangent is known.
    """
    x, shape = widened(input), (1, -1, *[1] * (input.dim() - 2))
    if not training and running_mean is not None and running_var is not None:
        out = (x - running_mean.view(shape)) * (running_var.view(shape) + eps).rsqrt()
        return _scaled(out, weight, bias, shape).to(input.dtype)
    if TOGETHER.norms is not None:
        raise UserError("Forward gradients know no BatchNorm over several processes: say `norms: local` in the recipe.")
    mean, var, out = _normalised(x, [0, *range(2, x.dim())], eps)
    if running_mean is not None and running_var is not None:
        count = x.numel() // x.shape[1]
        with torch.no_grad():
            running_mean.lerp_(unpack_dual(mean).primal.detach().flatten(), momentum)
            running_var.lerp_(unpack_dual(var).primal.detach().flatten() * (count / max(1, count - 1)), momentum)
    return _scaled(out, weight, bias, shape).to(input.dtype)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """As torch's, over the last dimensions."""
    shape = tuple(normalized_shape)
    *_, out = _normalised(widened(input), list(range(-len(shape), 0)), eps)
    return _scaled(out, weight, bias, shape).to(input.dtype)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """As torch's, (B, C, ...) -> (B, C, ...)."""
    *_, out = _normalised(widened(input).reshape(len(input), num_groups, -1), [2], eps)
    return _scaled(out.reshape(input.shape), weight, bias, (1, -1, *[1] * (input.dim() - 2))).to(input.dtype)


def _normalised(x: Tensor, dims: list[int], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, biased variance, and what is left without them."""
    mean = x.mean(dims, keepdim=True)
    centred = x - mean
    var = centred.square().mean(dims, keepdim=True)
    return mean, var, centred * (var + eps).rsqrt()


def _scaled(out: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    out = out if weight is None else out * weight.view(shape)
    return out if bias is None else out + bias.view(shape)
