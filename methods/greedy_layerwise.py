"""Greedy layerwise learning: one module after the other learns to classify through a small convolutional network.

Belilovsky, Eickenberg & Oyallon, "Greedy layerwise learning can scale to ImageNet", ICML 2019.

    L_j = CE( a_j(h_j), y ),   h_j = f_j(h_{j-1}),   all modules before j trained and frozen
    a_j = W BN( avgpool2x2( c_{k-1}( ... c_1(h_j) ) ) ) + b,   c = ReLU(BN(conv3x3)), same width

So a layer and its a_j have k hidden layers: k = 1 (a linear classifier), 2 or 3. Variants by k, first the one
that matches a VGG-11 on ImageNet. Every module trains for a full budget of epochs, as in the paper.

Departures: a module is what the suite cuts, where the paper makes every layer one; the last module is the
backbone's own classifier, where the paper keeps the last a_j; the paper's ensemble of all a_j is left out. The
authors' CIFAR-10 network for k = 1 has no BatchNorm; here a_j has it for every k.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, ModularMethod, heads
from benchmark.errors import UserError


class AuxiliaryCNN(heads.Head):
    """``depth - 1`` 3x3 convolutions of the same width, average pool to 2x2, BN, linear: (B, ...) -> (B, outputs)."""

    def __init__(self, features: Features, outputs: int, depth: int) -> None:
        super().__init__(features)
        channels = features.channels
        self.convolutions = nn.Sequential(*(heads.conv_norm_relu(channels, channels) for _ in range(depth - 1)))
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.linear = nn.Sequential(nn.BatchNorm2d(channels), nn.Flatten(), nn.Linear(4 * channels, outputs))

    def forward(self, h: Tensor) -> Tensor:
        return self.linear(self.pool(self.convolutions(self.features.as_map(h))))


class GreedyLayerwise(ModularMethod):
    title = "Greedy layerwise learning"
    paper = "https://arxiv.org/abs/1812.11446"
    authors = "Belilovsky, Eickenberg & Oyallon"
    year = 2019
    citation = {
        "author": "Eugene Belilovsky and Michael Eickenberg and Edouard Oyallon",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    defaults = {"k": 3}
    variants = {"k3": {"k": 3}, "k2": {"k": 2}, "k1": {"k": 1}}

    def auxiliary(self, k: int) -> nn.Module | None:
        depth = self.options.k
        if depth not in (1, 2, 3):
            raise UserError(f"k must be 1, 2 or 3 hidden layers, not {depth!r}.")
        return None if k == self.last else AuxiliaryCNN(self.outputs[k], self.task.classes, depth)

    def proxy_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)
