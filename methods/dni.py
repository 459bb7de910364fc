"""Decoupled neural interfaces: every module learns at once from a gradient that a small network predicts.

Jaderberg, Czarnecki, Osindero, Vinyals, Graves, Silver & Kavukcuoglu, "Decoupled neural interfaces using synthetic
gradients", ICML 2017.

    w_k moves along  (∂h_k / ∂w_k)ᵀ s_k(h_k)                       k = 0 ... K - 2
    L(s_k) = | s_k(h_k) - g_k |²,   g_{K-2} = ∂CE / ∂h_{K-2}
                                    g_k = (∂h_{k+1} / ∂h_k)ᵀ s_{k+1}(h_{k+1})   else

The target g_k of the synthesiser s_k is what module k + 1 computes when it moves, itself from a prediction. The last
module learns by cross-entropy. ``cdni`` conditions s_k on the label. s_k is the paper's: [conv, BN, ReLU] twice and a
convolution, all of the width of h_k, the last one zero at the start. Both losses have weight 1.

Gradients are those of a picture's own loss (B times that of the batch's mean), in s_k and in its target; s_k's network
predicts them times the square root of how many numbers h_k has, so that it has targets of about one. This scales the
network's output and no loss, and matters since the suites train with SGD (the paper: Adam).

Departures: 3x3 convolutions, that of the suites' backbones, where the paper takes 5x5, that of its own; 1x1 on
vectors; those before a BatchNorm have no bias, which it would take out. The label enters as one learned number per
class and channel, added after the first convolution: what the paper's one-hot planes come to, but for the map's border.
Class tokens, which have no place on the map, get a synthesiser of their own of 1x1 convolutions. ``dni`` needs no
labels below the last module.
"""

from collections.abc import Iterator
from math import prod, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, Method, heads


class DNI(Method):
    title = "Decoupled neural interfaces (synthetic gradients)"
    paper = "https://arxiv.org/abs/1608.05343"
    authors = "Jaderberg, Czarnecki, Osindero, Vinyals, Graves, Silver & Kavukcuoglu"
    year = 2017
    citation = {
        "author": (
            "Max Jaderberg and Wojciech Marian Czarnecki and Simon Osindero and Oriol Vinyals and Alex "
            "Graves and David Silver and Koray Kavukcuoglu"
        ),
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    family = "weakly modular"
    removes = ("update", "backward")
    reach = 1
    defaults = {"conditioned": False}
    variants = {"dni": {"conditioned": False}, "cdni": {"conditioned": True}}
    recipe = {"optimizer": "adam", "lr": 3e-5}  # the rate of a re-implementation, by the authors of ``dgl``

    @property
    def lag(self) -> int:
        """All predictions start at zero, and the first ones that are not arrive from above, a module a step."""
        return self.last

    def auxiliary(self, k: int) -> nn.Module | None:
        if k == self.last:
            return None
        return Synthesiser(self.outputs[k], self.task.classes if self.options.conditioned else 0)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """For each module in turn its own loss, then that of the synthesiser below it."""
        h, below = batch.x, None
        for k, module in enumerate(self.modules):
            entered = h.detach().requires_grad_(k > 0)
            h = module(entered)
            predicted = None if k == self.last else self.synthesise(k, h.detach(), batch)
            yield F.cross_entropy(h, batch.y) if predicted is None else (h * predicted.detach()).sum() / len(batch)
            if below is not None:
                assert entered.grad is not None
                yield (below - len(batch) * entered.grad).square().flatten(1).sum(1).mean()
            below = predicted

    def synthesise(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        """Predicted gradients (B, ...) of each picture's own loss with respect to module ``k``'s output ``h``."""
        return self.auxiliaries[k](h, batch.y)


class Synthesiser(heads.Head):
    """s_k: a module's output (B, ...) and its labels (B,) -> gradients (B, ...); zero at the start."""

    def __init__(self, features: Features, classes: int) -> None:
        super().__init__(features)
        self.scale = 1 / sqrt(prod(features.shape))
        self.map = MapSynthesiser(features.channels, classes, kernel=3 if features.size != (1, 1) else 1)
        if features.prefix_tokens:
            self.prefix = MapSynthesiser(features.channels, classes, kernel=1)

    def forward(self, h: Tensor, y: Tensor) -> Tensor:
        gradient = self.features.from_map(self.map(self.features.as_map(h), y))
        if tokens := self.features.prefix_tokens:
            prefix = self.prefix(h[:, :tokens].transpose(1, 2).unsqueeze(3), y)
            gradient = torch.cat([prefix.squeeze(3).transpose(1, 2), gradient[:, tokens:]], 1)
        return self.scale * gradient


class MapSynthesiser(nn.Module):
    """[conv, BN, ReLU] twice and a convolution that starts at zero, C -> C; labels enter after the first one."""

    def __init__(self, channels: int, classes: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
        self.label = nn.Linear(classes, channels, bias=False) if classes else None
        self.hidden = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(inplace=True), heads.conv_norm_relu(channels, channels, kernel)
        )
        self.final = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        nn.init.zeros_(self.final.weight)
        nn.init.zeros_(self.final.bias)

    def forward(self, h: Tensor, y: Tensor) -> Tensor:
        h = self.first(h)
        if self.label is not None:
            onehot = F.one_hot(y, self.label.in_features).to(h.dtype)
            h = h + self.label(onehot)[:, :, None, None]
        return self.final(self.hidden(h))
