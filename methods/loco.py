"""LoCo: self-supervised local learning in which neighbouring modules share a loss, so that blocks overlap.

Xiong, Ren & Urtasun, "LoCo: local contrastive representation learning", NeurIPS 2020.

    L_k = NT-Xent( g_k( f_{k+1}( f_k( stop-gradient(h_{k-1}) ) ) ) ),   h_k = f_k(h_{k-1}),   k = 0 ... H - 2

for H hidden modules. NT-Xent: SimCLR's cross-entropy over the 2B embeddings of two views (Chen et al., ICML
2020), temperature 0.1. g_k: global average pool, linear, ReLU, linear to 128; with ``convolutions``, so many
3x3 convolutions before it, a decoder that is deeper without the overlap's help. L_k moves f_k, f_{k+1} and g_k: all but
the first and the last hidden module learn from two losses, and what f_{k+1} needs reaches f_k. One hidden
module is SimCLR, end to end. No loss reads a label; the classifier is trained afterwards, on frozen features.

Both views go through the network as one batch of 2B pictures, as in SimCLR: BatchNorm sees them together.

Why it is far below its paper (digits, K = 4, validation accuracy of three seeds; untrained hidden modules have 58.5):
mostly by its views. With crops of a pixel it has 76.8 %, with ``area`` 0.5 86.9; by logistic regression on the features
88.9, which is what untrained ones have, and 96.0. The read-out, on crops that cut 8x8 digits, costs the rest. SimCLR
end to end (one hidden module, ``area`` 0.5) has 85.7, so overlapping is not the cause; four times the epochs bring
nothing, a rate of 0.02 7 points (two seeds). On fashion (3,000 pictures, one seed) resized crops do harm in 8 epochs:
71.0 without (untrained: 56.1), 65.8 with ``area`` 0.3; so the default has none.

Departures:

- A module between two losses runs twice, once for each, since its gradients for the two differ. Only its
  first run moves the statistics of BatchNorm. What it computes is the same but for dropout.
- The authors take four stages of ResNet-50 with progressively more blocks each; here a module is what the
  suite cuts.
- Views are the suite's augmentation (crops and flips), without SimCLR's colours and blur; its random resizing is there
  with ``area`` below 1, the least share of the picture that a view shows. Optimiser and batch are the suite's,
  where the paper has LARS and batches of 4096.
- Width and depth of g_k and the temperature are those that SimCLR gives for ImageNet; LoCo's own were not at
  hand.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, losses
from benchmark.engine.buffers import on_copies_of_buffers
from benchmark.errors import UserError


class LoCo(LocalMethod):
    title = "LoCo"
    paper = "https://arxiv.org/abs/2008.01342"
    authors = "Xiong, Ren & Urtasun"
    year = 2020
    citation = {
        "author": "Yuwen Xiong and Mengye Ren and Raquel Urtasun",
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    defaults = {"temperature": 0.1, "convolutions": 0, "area": 1.0}
    tunes = {"area": [1.0, 0.5, 0.2], "temperature": (0.05, 1.0)}
    views = 2
    removes = ("backward",)
    reach = 1
    readout = True
    labels = "none"
    steps_early = False

    def auxiliary(self, k: int) -> nn.Module | None:
        """The decoder of the pair that ends with module ``k``."""
        area = self.options.area
        if not (isinstance(area, int | float) and 0 < area <= 1):
            raise UserError(f"area is {area!r}, but must be a share of the picture, above 0 and at most 1.")
        if k == self.last or k < self.upper(0):
            return None
        return heads.ProjectionHead(self.outputs[k], convolutions=self.options.convolutions)

    def upper(self, k: int) -> int:
        """The module at the end of the pair that begins with ``k``; itself where it is the only hidden one."""
        return min(k + 1, self.last - 1)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """One loss per pair of neighbouring hidden modules; in the read-out's phase the classifier's."""
        if self.last in self.phase.trains:
            yield from super().losses(batch)
            return
        assert batch.view is not None
        h = resized_crops(torch.cat([batch.x, batch.view.x]), self.options.area)
        for k in range(max(1, self.last - 1)):
            h = self.forward(k, h)
            yield self.local_loss(k, h, batch)
            h = h.detach()

    def forward(self, k: int, h: Tensor) -> Tensor:
        """Module ``k`` as the lower one of its pair; above the first it has run before, as the upper one."""
        if k == 0:
            return super().forward(k, h)
        with on_copies_of_buffers(self.modules[k]):
            return super().forward(k, h)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        """The loss of the pair that begins with module ``k``, from that module's output of both views."""
        upper = self.upper(k)
        if upper > k:
            h = self.modules[upper](h)
        first, second = self.auxiliaries[upper](h).chunk(2)
        return losses.nt_xent(first, second, self.options.temperature)


def resized_crops(x: Tensor, area: float) -> Tensor:
    """Of each picture (B, C, H, W) a random part, a share of ``area`` to 1 with sides of 3:4 to 4:3, in full size."""
    if area == 1:
        return x
    share, ratio, down, across = torch.rand(4, len(x), dtype=x.dtype, device=x.device)
    share, ratio = area + (1 - area) * share, (4 / 3) ** (2 * ratio - 1)
    height, width = (share / ratio).sqrt().clamp(max=1), (share * ratio).sqrt().clamp(max=1)
    zero = torch.zeros_like(height)
    rows = [width, zero, (1 - width) * (2 * across - 1), zero, height, (1 - height) * (2 * down - 1)]
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(x.shape), align_corners=False)
    crops = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return crops.contiguous(memory_format=torch.channels_last)
