"""A 3x3 convolution of an upsampled map that never builds the upsampled map.

Decoders of local methods upsample a module's output to the size of the picture and convolve it to a few
channels; done in this order, that costs more than the module itself, in time and in memory kept for the
backward pass. Upsampling and convolution are both linear, and mixing channels commutes with interpolating
positions, so the channels can be mixed first, on the small map.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.objectives.autocast import narrowed

CACHE = 2**21  # bytes of one intermediate: of the order of a core's second-level cache


class UpsampledConv(nn.Conv2d):
    """``conv3x3(bilinear(h))``: (B, C, h, w) -> (B, outputs, size, size); corners aligned, padding 1.

    With u the upsampled map and U the interpolation matrices, row and column taps i, j = -1, 0, 1:

        Σ_c Σ_ij W[o,c,i,j] u[c, Y+i, X+j]  =  Σ_ij Σ_h U[Y+i, h] Σ_w U[X+j, w]  ( Σ_c W[o,c,i,j] h[c, h, w] )

    from the inside out: a 1x1 convolution to 9 outputs on the small map, then one matrix product along each
    axis. It is done in this way where it takes fewer multiplications than the plain order. A map that has the
    picture's size already is not resampled at all.

    Args:
        channels: C.
        outputs: channels out.
        small: (h, w) of the map.
        size: side of the picture.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, channels: int, outputs: int, small: tuple[int, int], size: int) -> None:
        super().__init__(channels, outputs, 3, padding=1)
        self.size = size
        self.resamples = small != (size, size)
        self.folds = self.resamples and folding_pays(channels, small, size)
        if self.folds:
            self.register_buffer("rows", interpolation_taps(small[0], size), persistent=False)
            self.register_buffer("columns", interpolation_taps(small[1], size), persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        h = narrowed(h)  # before it grows
        if self.folds:
            return self._folded(h)
        if self.resamples:
            h = F.interpolate(h, size=(self.size, self.size), mode="bilinear", align_corners=True)
        return super().forward(h)

    def _folded(self, h: Tensor) -> Tensor:
        """A few pictures at a time on a CPU: the whole batch's intermediates would travel to memory and back."""
        assert self.bias is not None
        outputs, size = self.out_channels, self.size
        by_tap = self.weight.permute(3, 2, 0, 1).reshape(9 * outputs, -1, 1, 1)  # column tap, row tap, output
        bias = self.bias.repeat(size)
        picture = h.element_size() * 9 * outputs * h.shape[2] * h.shape[3]
        parts = h.split(len(h) if h.is_cuda else max(1, CACHE // picture))
        h = torch.cat([self._fold(part, by_tap, bias) for part in parts])
        return h.view(-1, size, size, outputs).permute(0, 3, 1, 2)

    def _fold(self, h: Tensor, by_tap: Tensor, bias: Tensor) -> Tensor:
        batch, _, height, width = h.shape
        size, outputs = self.size, self.out_channels
        h = F.conv2d(h, by_tap).permute(0, 2, 3, 1).reshape(batch * height, width * 3, 3 * outputs)
        h = (self.columns @ h).view(batch, height, size, 3, outputs)
        h = h.transpose(2, 3).reshape(batch, height * 3, size * outputs)
        return torch.baddbmm(bias, self.rows.expand(batch, -1, -1), h)


def folding_pays(channels: int, small: tuple[int, int], size: int) -> bool:
    """Whether mixing the channels first takes fewer multiplications (a picture and output)."""
    height, width = small
    plain = 9 * channels * size * size
    mixing = 9 * channels * height * width
    interpolating = 9 * height * width * size + 3 * height * size * size
    return mixing + interpolating < plain


def interpolation_taps(small: int, size: int) -> Tensor:
    """Bilinear weights of ``small`` positions for each of ``size`` and its neighbours: (size, small * 3).

    Column ``3 * s + i`` of row Y is the weight of small position s for position Y + i - 1: 0 outside the map.
    """
    weights = F.interpolate(torch.eye(small)[None], size=size, mode="linear", align_corners=True)[0].T
    padded = F.pad(weights, (0, 0, 1, 1))
    return torch.stack([padded[i : i + size] for i in range(3)], dim=2).flatten(1)
