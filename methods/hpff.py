"""HPFF: a module learns by itself and with either neighbour, through heads that see the map in patches.

Su, He, Zhu, Xu, Guan & Si, "HPFF: hierarchical locally supervised learning with patch feature fusion", ECCV 2024.

    L_k = w CE( A_k(h_k), y ) + CE( C_k( f_k( f_{k-1}( sg h_{k-2} ) ) ), y ),   h_k = f_k(sg h_{k-1})
    A(h) = mean of a(p) over the four quarters p of the map h;   sg: stop-gradient

Independent modules (first term) and cascades of two neighbours (second term), each with a head of its own: f_k learns
from three losses. a, c: ``1c2f``, one 3x3 convolution, pool, two linear layers. The first module has no cascade, the
last one the backbone's classifier for both terms.

A module runs three times a step; statistics of BatchNorm follow its first run alone.

Departures: the weights were in no text at hand, so w = 1. The released code is another method: it has w = 0.001 beside
0.999 for the cascade, no loss at all for the first module but by its cascade, InfoPro's reconstruction there, by four
decoders for the quarters, and heads that see the map whole. Where a side of the map is odd, quarters overlap by one
position; a map of one position is seen whole.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, heads, on_copies_of_buffers


class HPFF(LocalMethod):
    title = "HPFF"
    paper = "https://arxiv.org/abs/2407.05638"
    authors = "Su, He, Zhu, Xu, Guan & Si"
    year = 2024
    citation = {
        "author": "Junhao Su and Chenghao He and Feiyu Zhu and Xiaojie Xu and Dongzhi Guan and Chenyang Si",
        "booktitle": "European Conference on Computer Vision (ECCV)",
    }
    removes = ("backward",)
    reach = 1
    steps_early = False
    defaults = {"own": 1.0}
    tunes = {"own": [0.001, 0.3, 1.0]}

    def auxiliary(self, k: int) -> nn.Module | None:
        if k == self.last:
            return None
        names = ("own", "cascade") if k else ("own",)
        return nn.ModuleDict({name: QuarterHead(self.outputs[k], self.task.classes) for name in names})

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        before, h = batch.x, batch.x
        for k, module in enumerate(self.modules):
            below, before = before, h
            h = module(before)
            loss = self.options.own * F.cross_entropy(self.read(k, "own", h), batch.y)
            yield loss + F.cross_entropy(self.read(k, "cascade", self.cascade(k, below)), batch.y) if k else loss
            h = h.detach()

    def cascade(self, k: int, below: Tensor) -> Tensor:
        """The output of module ``k`` from the detached input of the module before it."""
        with on_copies_of_buffers(self.modules[k - 1]), on_copies_of_buffers(self.modules[k]):
            return self.modules[k](self.modules[k - 1](below))

    def read(self, k: int, name: str, h: Tensor) -> Tensor:
        """Logits (B, classes) of module ``k``'s output; the last one's are its output."""
        return h if k == self.last else self.auxiliaries[k][name](h)


class QuarterHead(heads.Head):
    """The mean of one head's logits on the four quarters of a map: (B, ...) -> (B, classes)."""

    def __init__(self, features: Features, classes: int) -> None:
        super().__init__(features)
        self.rows, self.columns = (-(-side // 2) for side in features.size)
        quarter = Features(features.name, (features.channels, self.rows, self.columns), "NCHW")
        self.head = heads.ConvHead(quarter, classes)

    def forward(self, h: Tensor) -> Tensor:
        h = self.features.as_map(h)
        return self.head(torch.cat(self.quarters(h))).unflatten(0, (-1, len(h))).mean(0)

    def quarters(self, h: Tensor) -> list[Tensor]:
        """The corners (B, C, rows, columns) of a map, each once."""
        if self.features.size == (1, 1):
            return [h]
        halves = h[:, :, : self.rows], h[:, :, -self.rows :]
        return [half[..., part] for half in halves for part in (slice(self.columns), slice(-self.columns, None))]
