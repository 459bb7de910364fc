"""Feedback alignment: backpropagation in which errors go back through fixed random weights.

Lillicrap, Cownden, Tweed & Akerman, "Random synaptic feedback weights support error backpropagation for deep
learning", Nature Communications 7, 2016.

    δ_l = (B_{l+1} δ_{l+1}) ⊙ σ'(a_l)   in place of   δ_l = (W_{l+1}ᵀ δ_{l+1}) ⊙ σ'(a_l);   W_l moves along δ_l h_{l-1}ᵀ

for every linear layer and convolution l. B is drawn once and never trained; the forward pass, and the gradient of
each layer's own weights given its δ, are those of backpropagation, as is what passes through all else (norms,
activations, attention, shortcuts). Weights need not be transported back, but errors still pass through every layer in
turn, so no lock is removed, and memory and time are those of backpropagation.

This is by layer, as in the paper, and the cut changes nothing: it is trained at K = 1. By module it would be
another method: were δ_k = B_{k+1} δ_{k+1} for the outputs of modules, without the derivatives inside them, every δ_k
would be a fixed linear map of the output error, which is direct feedback alignment (``dfa``) with products of
matrices for its B_k.

Departures: B is normal, of the same root mean square as the layer's weights when training starts, so that signals
keep the size that they have in backpropagation (the paper: uniform, one range for its small perceptrons).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.conv import _ConvNd

from benchmark import Batch, Method, narrowed
from benchmark.errors import UserError


class FA(Method):
    title = "Feedback alignment"
    paper = "https://doi.org/10.1038/ncomms13276"
    authors = "Lillicrap, Cownden, Tweed & Akerman"
    year = 2016
    citation = {
        "author": "Timothy P. Lillicrap and Daniel Cownden and Douglas B. Tweed and Colin J. Akerman",
        "journal": "Nature Communications",
    }
    family = "weakly modular"
    cut_matters = False
    requires = "plain linear layers and convolutions"

    def auxiliary(self, k: int) -> nn.Module | None:
        return FeedbackWeights(weighted_layers(self.modules[k]))

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        with self.random_feedback():
            logits = self.predict(batch.x)
        yield F.cross_entropy(logits, batch.y)

    @contextmanager
    def random_feedback(self) -> Iterator[None]:
        """Inside, what runs forward goes backward through the fixed random weights."""
        layers = [layer for module in self.modules for layer in weighted_layers(module)]
        weights = [weight for auxiliary in self.auxiliaries for weight in auxiliary.buffers()]
        for layer, feedback in zip(layers, weights, strict=True):
            layer.forward = partial(forward_of(layer), layer, feedback)
        try:
            yield
        finally:
            for layer in layers:
                del layer.forward


class FeedbackWeights(nn.Module):
    """A fixed random B for each layer, shaped like its weights."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        for i, layer in enumerate(layers):
            weight = layer.weight.detach()
            self.register_buffer(str(i), torch.randn_like(weight) * weight.square().mean().sqrt())


def weighted_layers(module: nn.Module) -> list[nn.Module]:
    """Linear layers and convolutions of ``module``; raises UserError where one computes in a way of its own."""
    layers = [part for part in module.modules() if isinstance(part, nn.Linear | _ConvNd | nn.MultiheadAttention)]
    for layer in layers:
        forward_of(layer)
    return layers


def forward_of(layer: nn.Module) -> Callable[..., Tensor]:
    """What ``layer`` computes, with other weights on the way back."""
    if type(layer).forward is nn.Linear.forward:
        return linear
    if type(layer).forward is nn.Conv2d.forward and layer.padding_mode == "zeros" and layer.padding != "same":
        return convolution
    raise UserError(f"FA needs plain linear layers and convolutions, and the backbone has a {type(layer).__name__}.")


def linear(layer: nn.Linear, feedback: Tensor, x: Tensor) -> Tensor:
    return _Linear.apply(*alike(x, layer.weight, layer.bias, feedback))


def convolution(layer: nn.Conv2d, feedback: Tensor, x: Tensor) -> Tensor:
    return _Convolution.apply(*alike(x, layer.weight, layer.bias, feedback), layer)


def alike(*tensors: Tensor | None) -> list[Tensor | None]:
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
        return below, rows.T @ x.flatten(0, -2), rows.sum(0) if ctx.needs_input_grad[2] else None, None


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
        # its gradient of the weights does not depend on the weights, so it is told the random ones
        gradients = torch.ops.aten.convolution_backward(delta, x, feedback, biases, *geometry, wanted)
        return *gradients, None, None
