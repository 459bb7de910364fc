"""Layer-wise feedback: what runs forward through a layer's weights W goes backward through other ones, B.

    δ_l = (B_{l+1} δ_{l+1}) ⊙ σ'(a_l)   in place of   δ_l = (W_{l+1}ᵀ δ_{l+1}) ⊙ σ'(a_l);   W_l moves along δ_l h_{l-1}ᵀ

for every linear layer and convolution l. The forward pass, and the gradient of each layer's own weights given its δ,
are those of backpropagation, as is what passes through all else (norms, activations, attention, shortcuts). What B is,
and whether it learns, is the method's: feedback alignment, sign symmetry, Kolen-Pollack, weight mirrors. And direct
feedback (:class:`RandomFeedback`), which skips the layers between.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.conv import _ConvNd

from benchmark.engine.cutting.partition import Features
from benchmark.engine.objectives.autocast import narrowed
from benchmark.errors import UserError

GRID = 8  # positions a side at most


class FeedbackWeights(nn.Module):
    """A random B for each layer, shaped like its weights and, at first, of their root mean square.

    Args:
        learned: B are parameters; their gradient is that of the layer's own weights. Else they are buffers.
    """

    def __init__(self, layers: Iterable[Any], learned: bool = False) -> None:
        super().__init__()
        for i, layer in enumerate(layers):
            weight = layer.weight.detach()
            drawn = torch.randn_like(weight) * weight.square().mean().sqrt()
            if learned:
                self.register_parameter(str(i), nn.Parameter(drawn, requires_grad=layer.weight.requires_grad))
            else:
                self.register_buffer(str(i), drawn)


class RandomFeedback(nn.Module):
    """A fixed random B from classes to a module's output, normal, of variance 1 / (numbers of the output).

    On maps larger than 8x8 it is drawn on 8x8 positions and repeated to the nearest ones: it would outgrow the network.
    """

    def __init__(self, features: Features, classes: int) -> None:
        super().__init__()
        self.features = features
        std = prod(features.shape) ** -0.5
        grid = [min(GRID, side) for side in features.size]
        self.register_buffer("map", std * torch.randn(classes, features.channels, *grid))
        self.register_buffer("prefix", std * torch.randn(classes, features.prefix_tokens, features.channels))

    def forward(self, signal: Tensor) -> Tensor:
        """What a signal (B, classes) becomes at the module's output: (B, ...), its shape."""
        feedback = torch.einsum("bk,kchw->bchw", signal, self.map)
        feedback = self.features.from_map(F.interpolate(feedback, self.features.size))
        prefix = torch.einsum("bk,kpc->bpc", signal, self.prefix)
        tokens = self.features.prefix_tokens
        return torch.cat([prefix, feedback[:, tokens:]], 1) if tokens else feedback


def weighted_layers(*modules: nn.Module) -> list[nn.Module]:
    """Linear layers and convolutions of ``modules``, in order.

    Raises:
        UserError: one of them computes in a way of its own.
    """
    kinds = (nn.Linear, _ConvNd, nn.MultiheadAttention)
    layers: list[nn.Module] = [part for module in modules for part in module.modules() if isinstance(part, kinds)]
    for layer in layers:
        _forward_of(layer)
    return layers


@contextmanager
def through(layers: Sequence[nn.Module], weights: Iterable[Tensor]) -> Iterator[None]:
    """Inside, what runs forward through ``layers`` goes backward through ``weights``, one for each."""
    for layer, feedback in zip(layers, weights, strict=True):
        layer.forward = partial(_forward_of(layer), layer, feedback)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _forward_of(layer: nn.Module) -> Callable[..., Tensor]:
    """What ``layer`` computes, with other weights on the way back."""
    if type(layer).forward is nn.Linear.forward:
        return _linear
    if type(layer).forward is nn.Conv2d.forward and layer.padding_mode == "zeros" and layer.padding != "same":
        return _convolution
    raise UserError(
        "Layer-wise feedback needs plain linear layers and convolutions, and the backbone has a "
        f"{type(layer).__name__}."
    )


def _linear(layer: nn.Linear, feedback: Tensor, x: Tensor) -> Tensor:
    out: Tensor = _Linear.apply(*_alike(x, layer.weight, layer.bias, feedback))
    return out


def _convolution(layer: nn.Conv2d, feedback: Tensor, x: Tensor) -> Tensor:
    out: Tensor = _Convolution.apply(*_alike(x, layer.weight, layer.bias, feedback), layer)
    return out


def _alike(*tensors: Tensor | None) -> list[Tensor | None]:
    """All in the type of autocast, where that is on: it is not on the way back."""
    return [None if each is None else narrowed(each) for each in tensors]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor) -> Tensor:
        ctx.save_for_backward(x, feedback)
        return F.linear(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor | None, ...]:
        x, feedback = ctx.saved_tensors
        rows = delta.flatten(0, -2)
        below = delta @ feedback if ctx.needs_input_grad[0] else None
        own = rows.T @ x.flatten(0, -2)
        return below, own, rows.sum(0) if ctx.needs_input_grad[2] else None, own if ctx.needs_input_grad[3] else None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor, layer: nn.Conv2d) -> Tensor:
        ctx.save_for_backward(x, feedback)
        ctx.layer = layer
        return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor | None, ...]:
        x, feedback = ctx.saved_tensors
        layer, wanted = ctx.layer, ctx.needs_input_grad[:3]
        biases, geometry = [len(feedback)], (layer.stride, layer.padding, layer.dilation, False, [0, 0], layer.groups)
        # its gradient of the weights does not depend on the weights, so it is told the feedback's
        gradients = torch.ops.aten.convolution_backward(delta, x, feedback, biases, *geometry, wanted)
        return *gradients, gradients[1] if ctx.needs_input_grad[3] else None, None
