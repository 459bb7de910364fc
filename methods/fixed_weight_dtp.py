"""Fixed-weight difference target propagation: targets come down through random networks that never learn.

Shibuya, Inoue, Kawakami & Sato, "Fixed-weight difference target propagation", AAAI 2023.

    t_K = h_K - s (softmax(h_K) - onehot(y)),   t_k = h_k + g_k(t_{k+1}) - g_k(h_{k+1}),   k = K - 1 ... 1
    L_k = |h_k - t_k|² / (2 s B),   h_k = f_k(stop-gradient(h_{k-1})),   t_k held fixed

g_k = tanh(B_k ·), B_k drawn once: with the difference as a correction, no g_k needs to be an inverse of f_{k+1}, and
the many feedback steps of other target propagation (``target_propagation``) go away. For small s, what moves h_k is an
error that random Jacobians, those of g, have brought down. L_K is the cross-entropy: its gradient is that of
|h_K - t_K|² / (2 s B).

Targets wait for all of the forward pass and for each other: no lock is removed, and graphs of all modules are kept.

Departures: the authors' losses are not divided by 2 s, which they leave to the learning rate. Their networks are
perceptrons with tanh and, in one variant, with normalisation, also of what comes down; here modules are
what the suite cuts, and B_k is a 3x3 convolution on the map above, at the size of the one below (from logits, and
between vectors, a matrix), normal of variance 1 / fan-in where theirs is uniform and tuned.
"""

from collections.abc import Iterator
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, Method, widened


class FixedWeightDTP(Method):
    title = "Fixed-weight target propagation"
    paper = "https://arxiv.org/abs/2212.10352"
    authors = "Shibuya, Inoue, Kawakami & Sato"
    year = 2023
    citation = {
        "author": "Tatsukichi Shibuya and Nakamasa Inoue and Rei Kawakami and Ikuro Sato",
        "booktitle": "AAAI Conference on Artificial Intelligence",
    }
    family = "weakly modular"
    defaults = {"step": 0.04}
    tunes = {"step": (0.01, 1.0)}

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else RandomFeedback(self.outputs[k + 1], self.outputs[k])

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        outputs, h = [], batch.x
        for module in self.modules:
            h = module(h.detach())
            outputs.append(h)
        logits = widened(outputs.pop().detach())
        yield F.cross_entropy(h, batch.y)
        error = logits.softmax(1) - F.one_hot(batch.y, self.task.classes)
        above, target = logits, logits - self.options.step * error
        for k in reversed(range(self.last)):
            own = widened(outputs[k].detach())
            with torch.no_grad():
                back = self.auxiliaries[k]
                above, target = own, own + widened(back(target)) - widened(back(above))
            yield (outputs.pop() - target).square().sum() / (2 * self.options.step * len(target))


class RandomFeedback(nn.Module):
    """g: a module's output (B, ...) -> features (B, ...) like those of the module below."""

    def __init__(self, above: Features, below: Features) -> None:
        super().__init__()
        self.above, self.below = above, below
        self.of_vectors = above.layout == "NC"
        if self.of_vectors:
            layer: nn.Module = nn.Linear(above.channels, prod(below.shape), bias=False)
        else:
            layer = nn.Conv2d(above.channels, below.channels, 3, padding=1, bias=False)
        self.register_buffer("weight", torch.randn_like(layer.weight) / layer.weight[0].numel() ** 0.5)

    def forward(self, h: Tensor) -> Tensor:
        if self.of_vectors:
            return F.linear(h, self.weight).tanh().unflatten(1, self.below.shape)
        h = F.interpolate(self.above.as_map(h), size=self.below.size)
        return self.below.from_map(F.conv2d(h, self.weight, padding=1).tanh())
