"""BatchNorm and ReLU of a map of few channels, which kernels for many channels treat badly on a CPU.

The CPU's kernel for maps with channels last runs its vectors over the channels, of which a decoder has 12: it
takes twice the time of one for 16. Here they run over whole rows of the picture.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.objectives.process_group import TOGETHER

ROWS = 512  # of pictures at a time: their temporaries are small beside a map and stay in the cache


class NormReLU(nn.BatchNorm2d):
    """``relu(batch_norm(x))``, (B, C, H, W) -> (B, C, H, W), with BatchNorm2d's parameters and running averages."""

    def forward(self, x: Tensor) -> Tensor:
        # in bf16 torch's is as fast, and as small
        if x.is_cuda or not self.training or x.dtype != self.weight.dtype or TOGETHER.norms:
            return F.relu(super().forward(x), inplace=True)
        out, mean, var = _NormReLU.apply(x, self.weight, self.bias, self.eps)
        self._follow(mean, var, x.numel() // len(mean))
        return out

    @torch.no_grad()
    def _follow(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Move the running averages; that of the variance is of the unbiased one."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * (count / max(1, count - 1)), self.momentum)
        self.num_batches_tracked.add_(1)


class _NormReLU(torch.autograd.Function):
    """Also returns the batch's mean and biased variance.

        out = relu(β + γ s c),   c = x - mean,   s = 1 / sqrt(var + ε)
        ∂x = γ s (g - mean(g) - s² c mean(g c)),   ∂γ = s Σ g c,   ∂β = Σ g,   g = ∂out where out > 0

    Keeps two maps, c and out, as the two plain layers do, and needs no more memory than they at any time.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        channels, width = x.shape[1], x.shape[3]
        rows, count = _rows(x), x.numel() // channels
        mean = _total(rows, channels) / count
        centred = rows - mean.repeat(width)
        squares = torch.stack([c.square().sum(0) for c in centred.split(ROWS)])
        var = _total(squares, channels) / count
        scale = (var + eps).rsqrt()
        out = torch.addcmul(bias.repeat(width), centred, (scale * weight).repeat(width)).relu_()
        ctx.save_for_backward(centred, out, weight, scale)
        ctx.mark_non_differentiable(mean, var)
        return _map(out, x.shape), mean, var

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        centred, out, weight, scale = ctx.saved_tensors
        channels, width = gradient.shape[1], gradient.shape[3]
        count = gradient.numel() // channels
        rows = _rows(gradient)
        to_bias, to_weight = (_total(part, channels) for part in _sums(rows, out, centred))
        to_weight = to_weight * scale
        g = _through_relu(rows, out)  # again, as to keep it would cost a map more in memory
        factor = scale * weight
        g.mul_(factor.repeat(width)).sub_((factor * to_bias / count).repeat(width))
        g.addcmul_(centred, (factor * scale * to_weight / count).repeat(width), value=-1)
        return _map(g, gradient.shape), to_weight, to_bias, None


def _sums(gradient: Tensor, out: Tensor, centred: Tensor) -> Tensor:
    """Sums over the rows, (2, W C): of g and of g c."""
    sums = gradient.new_zeros(2, gradient.shape[1])
    for part, o, c in zip(gradient.split(ROWS), out.split(ROWS), centred.split(ROWS), strict=True):
        g = _through_relu(part, o)
        sums[0] += g.sum(0)
        sums[1] += g.mul_(c).sum(0)
    return sums


def _through_relu(gradient: Tensor, out: Tensor) -> Tensor:
    """Gradient of a ReLU's input, a new tensor; `torch.where` takes ten times as long."""
    return torch.ops.aten.threshold_backward(gradient, out, 0)


def _rows(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B H, W C), a view where channels are last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[3] * x.shape[1])


def _map(rows: Tensor, shape: torch.Size) -> Tensor:
    """The opposite of `_rows`."""
    batch, channels, height, width = shape
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _total(rows: Tensor, channels: int) -> Tensor:
    """Sum for each channel: (n, W C) or (W C,) -> (C,)."""
    return rows.reshape(-1, rows.shape[-1]).sum(0).view(-1, channels).sum(0)
