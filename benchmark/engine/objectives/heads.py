"""Auxiliary networks that methods share: what turns a module's output into a prediction or a picture.

Every head is built from the module's :class:`Features` and takes the output as it is, in any layout: what it
sees is ``features.as_map(h)``, (B, C, H, W), where tokens are put back on their grid and a vector is a map of
one position. Heads are trained with their module and thrown away.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.objectives.norm_relu import NormReLU
from benchmark.engine.objectives.upsampled_conv import UpsampledConv


class Head(nn.Module):
    """Base of all heads: knows how to see a module's output as a map."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features


def global_average(h: Tensor) -> Tensor:
    """Mean over space: (B, C, H, W) -> (B, C).

    Over the positions as one dimension: the gradient of a mean over two has a layout that makes the backward
    pass of a ReLU below it four times as slow on a CPU.
    """
    return h.permute(0, 2, 3, 1).flatten(1, 2).mean(1)


class LinearHead(Head):
    """Global average pool and one linear layer: (B, ...) -> (B, outputs)."""

    def __init__(self, features: Features, outputs: int) -> None:
        super().__init__(features)
        self.linear = nn.Linear(features.channels, outputs)

    def forward(self, h: Tensor) -> Tensor:
        return self.linear(global_average(self.features.as_map(h)))


class PooledPredictor(Head):
    """Average pool until at most ``limit`` numbers are left, and one linear layer that starts at zero.

    The pool doubles its height and its width in turn (Nøkland & Eidnes 2019, their code); a map whose sides
    are no multiples of it is pooled into cells as equal as can be.
    """

    def __init__(self, features: Features, outputs: int, limit: int) -> None:
        super().__init__(features)
        self.pooled = pooled_size(features.channels, features.size, limit)
        self.linear = nn.Linear(features.channels * self.pooled[0] * self.pooled[1], outputs)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, h: Tensor) -> Tensor:
        h = self.features.as_map(h)
        if self.pooled != self.features.size:
            h = F.adaptive_avg_pool2d(h, self.pooled)
        return self.linear(h.flatten(1))


def pooled_size(channels: int, size: tuple[int, int], limit: int) -> tuple[int, int]:
    """First (h, w), halving height and width in turn, with ``channels * h * w <= limit``; at least (1, 1)."""
    height, width = size
    halve_height = True
    while channels * height * width > limit and (height, width) != (1, 1):
        if halve_height:
            height = -(-height // 2)
        else:
            width = -(-width // 2)
        halve_height = not halve_height
    return height, width


class SpatialReductionMLP(Head):
    """``mlp-sr`` of DGL: three 1x1 convolutions at a quarter of the resolution, then a perceptron on 2x2.

    Pool to ceil(size / 4) -> 3 x [1x1 conv, BN, ReLU] -> pool to 2x2 -> 3 x [linear 4C, BN, ReLU] -> linear
    (Belilovsky et al., ICML 2020). A map of one position is repeated by the 2x2 pool.
    """

    def __init__(self, features: Features, outputs: int, depth: int = 3) -> None:
        super().__init__(features)
        channels, wide = features.channels, 4 * features.channels
        self.reduced = (-(-features.size[0] // 4), -(-features.size[1] // 4))
        self.mixing = nn.Sequential(
            *(conv_norm_relu(channels, channels, kernel=1) for _ in range(depth)),
        )
        self.perceptron = nn.Sequential(
            *(nn.Sequential(nn.Linear(wide, wide), nn.BatchNorm1d(wide), nn.ReLU()) for _ in range(depth)),
            nn.Linear(wide, outputs),
        )

    def forward(self, h: Tensor) -> Tensor:
        h = F.adaptive_avg_pool2d(self.features.as_map(h), self.reduced)
        return self.perceptron(F.adaptive_avg_pool2d(self.mixing(h), 2).flatten(1))


def conv_norm_relu(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without a bias, BatchNorm and ReLU; "same" padding for odd kernels."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class ConvHead(Head):
    """``1c2f`` of InfoPro: one 3x3 convolution, global average pool, two linear layers; ``2c2f``: two convolutions.

    The paper gives it for the CIFAR ResNets: 16 -> 32 and 32 -> 64 channels with stride 2, 64 -> 64 with
    stride 1. As a rule for any backbone: twice the width and stride 2 where the map is larger than 8
    positions a side, else the same width and stride 1. A second convolution keeps both.
    """

    def __init__(self, features: Features, outputs: int, hidden: int = 128, convolutions: int = 1) -> None:
        super().__init__(features)
        factor = 2 if max(features.size) > 8 else 1
        width = factor * features.channels
        self.conv = conv_norm_relu(features.channels, width, stride=factor)
        for _ in range(convolutions - 1):
            self.conv.extend(conv_norm_relu(width, width))
        self.linear = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, h: Tensor) -> Tensor:
        return self.linear(global_average(self.conv(self.features.as_map(h))))


class SameWidthConv(Head):
    """One 3x3 convolution C -> C without a bias: predsim's encoder before its similarity matrix.

    Of vectors one linear layer, as in the authors' code: a convolution would have eight weights of nine for padding.
    """

    def __init__(self, features: Features) -> None:
        super().__init__(features)
        width, self.of_vectors = features.channels, features.layout == "NC"
        if self.of_vectors:
            self.conv: nn.Module = nn.Linear(width, width, bias=False)
        else:
            self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        return self.conv(h)[:, :, None, None] if self.of_vectors else self.conv(self.features.as_map(h))


class PaintingConv(nn.Conv2d):
    """A 3x3 convolution to few channels, padding 1, in two thirds of the time on a CPU.

    It is written as the transposed convolution that it equals, since the gradient of its weights then has
    ``inputs`` rather than the few outputs as the channels over which a CPU's vectors run.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        return F.conv_transpose2d(h, self.weight.flip(2, 3).transpose(0, 1), self.bias, padding=1)


class Decoder(Head):
    """Logits of the picture from a module's output: (B, ...) -> (B, channels, image_size, image_size).

    Bilinear upsampling (corners aligned) -> 3x3 conv to 12 -> BN -> ReLU -> 3x3 conv (InfoPro); its sigmoid
    stands in the loss.
    """

    def __init__(self, features: Features, channels: int, image_size: int, width: int = 12) -> None:
        super().__init__(features)
        self.mix = UpsampledConv(features.channels, width, features.size, image_size)
        self.norm = NormReLU(width)
        self.paint = PaintingConv(width, channels)

    def forward(self, h: Tensor) -> Tensor:
        return self.paint(self.norm(self.mix(self.features.as_map(h))))


def kernel_features(features: Features, h: Tensor) -> Tensor:
    """φ(h) of a module's output: (B, ...) -> (B, D), of unit norm, not negative; without weights.

        φ(h) = avgpool4x4(ReLU(h)) / |.|

    The authors' ``reapen`` (Duan, Yu & Principe 2021); the pool is min(4, size) on small maps.
    """
    h = F.relu(features.as_map(h))
    pool = [min(4, side) for side in h.shape[2:]]
    return F.normalize(F.avg_pool2d(h, pool).flatten(1), dim=1)


class ProjectionHead(Head):
    """SimCLR's projection: global average pool, linear C -> C, ReLU, linear: (B, ...) -> (B, outputs).

    Chen et al., ICML 2020. ``convolutions`` 3x3 convolutions C -> C with BatchNorm and ReLU go before the
    pool in a deeper decoder (Xiong et al., LoCo, NeurIPS 2020).
    """

    def __init__(self, features: Features, outputs: int = 128, convolutions: int = 0) -> None:
        super().__init__(features)
        width = features.channels
        self.convolutions = nn.Sequential(*(conv_norm_relu(width, width) for _ in range(convolutions)))
        self.perceptron = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs))

    def forward(self, h: Tensor) -> Tensor:
        return self.perceptron(global_average(self.convolutions(self.features.as_map(h))))
