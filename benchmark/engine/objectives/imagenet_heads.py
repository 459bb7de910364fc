"""InfoPro's head and decoder for pictures of ImageNet's size, deeper and narrower than those for small ones.

As its authors' code for ImageNet has them, behind the 512 channels of 28 x 28 positions that its one cut leaves; here
behind any map of any backbone.
"""

from torch import Tensor, nn

from benchmark.engine.cutting.units import Features
from benchmark.engine.objectives.heads import Head, conv_norm_relu, global_average
from benchmark.engine.objectives.norm_relu import NormReLU
from benchmark.engine.objectives.upsampled_conv import UpsampledConv

LARGE = 128  # pixels of a side, from which on a picture is of this size: STL-10 has 96, ImageNet 224


class ImageNetHead(Head):
    """1x1 to 128 channels, 3x3 to 256 and to 512 with stride 2, 1x1 to 2048, global average pool, one linear layer."""

    def __init__(self, features: Features, outputs: int) -> None:
        super().__init__(features)
        self.convolutions = nn.Sequential(
            conv_norm_relu(features.channels, 128, kernel=1),
            conv_norm_relu(128, 256, stride=2),
            conv_norm_relu(256, 512, stride=2),
            conv_norm_relu(512, 2048, kernel=1),
        )
        self.linear = nn.Linear(2048, outputs)

    def forward(self, h: Tensor) -> Tensor:
        return self.linear(global_average(self.convolutions(self.features.as_map(h))))


class ImageNetDecoder(Head):
    """Logits of the picture from a module's output: (B, ...) -> (B, channels, image_size, image_size).

    1x1 to 128 channels, then bilinear upsampling (corners aligned) to a quarter, a half and all of the picture's side,
    each followed by a 3x3 convolution, to 32, to 12 and to the picture's channels.
    """

    def __init__(self, features: Features, channels: int, image_size: int) -> None:
        super().__init__(features)
        quarter, half = image_size // 4, image_size // 2
        self.enter = nn.Sequential(nn.Conv2d(features.channels, 128, 1), NormReLU(128))
        self.to_quarter = nn.Sequential(UpsampledConv(128, 32, features.size, quarter), NormReLU(32))
        self.to_half = nn.Sequential(UpsampledConv(32, 12, (quarter, quarter), half), NormReLU(12))
        self.paint = UpsampledConv(12, channels, (half, half), image_size)

    def forward(self, h: Tensor) -> Tensor:
        return self.paint(self.to_half(self.to_quarter(self.enter(self.features.as_map(h)))))
