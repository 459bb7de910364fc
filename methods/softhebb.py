"""SoftHebb: neurons compete for each position, and each learns by itself what it wins; no label, error or loss.

Journé, Garcia Rodriguez, Guo & Moraitis, "Hebbian deep learning without feedback", ICLR 2023. For a layer's
weighted input u = W x (+ b) at every position of every picture of a batch, and neuron i:

    y_i = ± softmax_i(τ u),   + for the neuron of the greatest u at the position, - for all others
    Δ_i = Σ y_i x - (Σ y_i u_i) W_i,   W_i <- W_i + η sqrt( | |W_i| - 1 | ) Δ_i / max |Δ|

Every convolution and linear layer of the hidden modules learns so, from what enters it, all in the same pass; the
classifier is trained afterwards, on frozen features. The cut changes no update: it is trained at K = 1. A loss here is
-Σ W·Δ with Δ held fixed: its gradient is the update, its value means nothing.

Weights begin at |W_i| = 25, as there, in the directions in which the backbone draws them: near 1, where they end, no
neuron wins clearly, and digits had 20 % where they have 57 (ResNet-8, K = 4, 8 epochs, held-out pictures). The
normalisation behind a layer takes the length out. The rule trains weights alone: scales and shifts of normalisations,
and, where there are any, biases and layer scales of the hidden modules stay.

Departures:

- The paper's networks are three wide layers (96 to 1536 channels) with BatchNorm before each convolution, an
  activation of its own ("Triangle": u less its mean over channels, to a power).
- Each layer has its own τ and η there (1, 0.65 and 0.25; 0.08, 0.005 and 0.01), layers learn one after the other for an
  epoch of batches of 10, and the classifier has dropout. Here τ is one for all, η the suite's, with its momentum and
  weight decay.
- A convolution pads as the backbone's does, with zeros; the authors' reflect.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, Partition, Task, in_float32
from benchmark.errors import UserError

LAYERS = (nn.Conv2d, nn.Linear)
LENGTH = 25.0  # of a neuron's weights at the start


class SoftHebb(LocalMethod):
    title = "SoftHebb"
    paper = "https://arxiv.org/abs/2209.11883"
    authors = "Journé, Garcia Rodriguez, Guo & Moraitis"
    year = 2023
    citation = {
        "author": "Adrien Journé and Hector Garcia Rodriguez and Qinghai Guo and Timoleon Moraitis",
        "booktitle": "International Conference on Learning Representations (ICLR)",
    }
    defaults = {"inverse_temperature": 1.0}
    tunes = {"inverse_temperature": (0.1, 10.0)}
    readout = True
    labels = "none"
    leaves = ("norms",)
    descends = False
    cut_matters = False
    requires = "no tokens: neurons compete for the positions of maps, or for vectors"

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(partition, task, options)
        if any(features.layout == "NLC" for features in self.outputs):
            raise UserError("SoftHebb lets neurons compete for the positions of maps; this backbone has tokens.")
        for layer in learning(self.modules[: self.last]):
            layer.weight.data *= LENGTH / length(layer.weight.data)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """One scalar per hidden module, whose gradient is the rule's update; in the read-out's phase the loss."""
        if self.last in self.phase.trains:
            yield from super().losses(batch)
            return
        h = batch.x
        for module in self.modules[: self.last]:
            h, seen = run(module, h)
            yield h.new_zeros(()) - sum(
                (layer.weight * update(layer, x, self.options.inverse_temperature)).sum() for layer, x in seen
            )


def learning(module: nn.Module) -> list[nn.Module]:
    """The layers that learn."""
    return [layer for layer in module.modules() if isinstance(layer, LAYERS) and layer.weight.requires_grad]


def length(weight: Tensor) -> Tensor:
    """|W_i| of each neuron, in a shape that goes with ``weight``."""
    return weight.flatten(1).norm(dim=1).view(-1, *(1,) * (weight.dim() - 1))


@torch.no_grad()
def run(module: nn.Module, h: Tensor) -> tuple[Tensor, list[tuple[nn.Module, Tensor]]]:
    """``module(h)``, and its layers that learn, each with what entered it."""
    seen: list[tuple[nn.Module, Tensor]] = []
    hooks = [each.register_forward_pre_hook(lambda layer, x: seen.append((layer, x[0]))) for each in learning(module)]
    try:
        return module(h), seen
    finally:
        for hook in hooks:
            hook.remove()


@in_float32
def update(layer: nn.Module, x: Tensor, inverse_temperature: float) -> Tensor:
    """The change of a layer's weights for what enters it, without η."""
    with torch.enable_grad():
        u = layer(x)
        neurons = 1 if isinstance(layer, nn.Conv2d) else u.dim() - 1
        y = competition(u.detach(), neurons, inverse_temperature)
        (hebbian,) = torch.autograd.grad((u * y).sum(), layer.weight)
    weight, drive = layer.weight.detach(), (u.detach() * y).transpose(0, neurons).flatten(1).sum(1)
    delta = hebbian - drive.view(-1, *(1,) * (weight.dim() - 1)) * weight
    return (length(weight) - 1).abs().sqrt() * delta / delta.abs().max().clamp(min=1e-30)


def competition(u: Tensor, neurons: int, inverse_temperature: float) -> Tensor:
    """y of weighted inputs, whose neurons lie along the given dimension."""
    won = torch.zeros_like(u).scatter_(neurons, u.argmax(neurons, keepdim=True), 1.0)
    return (2 * won - 1) * (inverse_temperature * u).softmax(neurons)
