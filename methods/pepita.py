"""PEPITA: a second forward pass, of pictures that carry the first one's error; the difference is learned from.

Dellaferrera & Kreiman, "Error-driven input modulation: Solving the credit assignment problem without a backward pass",
ICML 2022.

    h_k = f_k(h_{k-1}),  h_0 = x;   e = softmax(h_K) - onehot(y);   h'_k = f_k(h'_{k-1}),  h'_0 = x + F e
    w_k moves along  -(∂h'_k / ∂w_k)ᵀ (h_k - h'_k),   k < K;   w_K learns by cross-entropy of h'_K

F, from classes to pictures, is drawn once: uniform within ± ``strength`` √(6 / numbers in x). There is no backward
pass: a module learns while the second forward pass goes through it. It waits for the end of the first one, so the
forward and the update lock stay.

Departures: a module is what the suite cuts, with true gradients inside, where the paper makes every layer one and
leaves out its derivative. Pictures are normalised, the paper's are in [0, 1]. Dropout is off (theirs: one mask for both
passes). BatchNorm's averages follow the first pass. The authors' convolutions learn in the other direction than their
linear layers, divided twice by the batch and by the number of positions: here all layers follow the paper's equation,
whose product is summed over positions.
"""

from collections.abc import Iterator
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, in_float32, on_copies_of_buffers, perturbation


class PEPITA(Method):
    title = "PEPITA"
    paper = "https://arxiv.org/abs/2201.11665"
    authors = "Dellaferrera & Kreiman"
    year = 2022
    citation = {
        "author": "Giorgia Dellaferrera and Gabriel Kreiman",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    family = "weakly modular"
    removes = ("backward",)
    steps_early = True
    defaults = {"strength": 0.05}
    tunes = {"strength": (0.01, 1.0)}
    # of their code, for one convolution and one linear layer
    recipe = {"optimizer": "momentum", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0, "batch": 50, "epochs": 100}

    def auxiliary(self, k: int) -> nn.Module | None:
        if k:
            return None
        shape = (self.task.channels, self.task.image_size, self.task.image_size)
        return ErrorToPicture(self.task.classes, shape, self.options.strength)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        with torch.no_grad(), perturbation.without_dropout(self.modules):
            *hidden, logits = self.passed(batch.x)
        error = logits.softmax(1) - F.one_hot(batch.y, self.task.classes)
        h = batch.x + self.auxiliaries[0](error)
        for k, module in enumerate(self.modules):
            out = self.again(module, h)
            h = out.detach()
            yield F.cross_entropy(out, batch.y) if k == self.last else (out * (hidden[k] - h)).sum() / len(batch)

    @in_float32  # the two passes lie closer than bf16 tells apart
    def passed(self, x: Tensor) -> list[Tensor]:
        return list(self.chain(x))

    @in_float32
    def again(self, module: nn.Module, h: Tensor) -> Tensor:
        with on_copies_of_buffers(module), perturbation.without_dropout(self.modules):
            out: Tensor = module(h)
        return out


class ErrorToPicture(nn.Module):
    """F: errors (B, classes) -> what is added to pictures (B, C, H, W); never trained."""

    def __init__(self, classes: int, shape: tuple[int, ...], strength: float) -> None:
        super().__init__()
        bound = strength * (6 / prod(shape)) ** 0.5
        self.register_buffer("weight", bound * (2 * torch.rand(classes, *shape) - 1))

    def forward(self, error: Tensor) -> Tensor:
        return torch.einsum("bk,kchw->bchw", error, self.weight)
