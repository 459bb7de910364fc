"""Sufficient labels: hidden modules learn from pairs alone, the classifier from one labelled picture per class.

Duan, Chang & Principe, "Labels, information, and computation: efficient learning using sufficient labels", JMLR
2023.

Hidden modules, in order, as in ``modular_kernel``:

    maximise  cos( triu G, triu G* ),   G_ij = <φ(h_i), φ(h_j)>,   G*_ij = 1 for one class, 0 for two

φ is ``heads.kernel_features``. Then the backbone's classifier alone, everything before it frozen: cross-entropy
on ``labels_per_class`` random pictures of each class, and on no others.

The objective is that of Duan, Yu & Principe 2021 (``modular_kernel``, whose abstract has the ten labels on CIFAR-10
too); new in this paper, by its abstract, is that such pairs are a sufficient statistic of the labels for the
hidden modules. What differs here from ``modular_kernel`` is
who learns from what: its output module holds blocks as well and sees every label; here all blocks are hidden.

Departures: the paper's abstract alone could be read; pairs are all those of a batch; everything | classifier, the
one cut of ``modular_kernel``'s paper, is K = 1 here. Every module, the classifier too, trains for a full budget of
epochs. ``scale`` multiplies the hidden modules' objective, whose gradients are small beside those of a cross-entropy,
as the suites share a rate.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, ModularMethod, Phase, heads, losses
from benchmark.engine.method import READOUT_SHARE
from benchmark.errors import UserError


class SufficientLabels(ModularMethod):
    title = "Sufficient labels"
    paper = "https://arxiv.org/abs/2104.09015"
    authors = "Duan, Chang & Principe"
    year = 2023
    citation = {
        "author": "Shiyu Duan and Spencer Chang and Jose C. Principe",
        "journal": "Journal of Machine Learning Research",
    }
    readout = True
    defaults = {"labels_per_class": 1, "scale": 1.0}
    tunes = {"scale": (0.3, 30.0)}

    def phases(self) -> Sequence[Phase]:
        few = self.options.labels_per_class
        if not isinstance(few, int) or few < 1:
            raise UserError(f"labels_per_class must be a whole number of at least 1, not {few!r}.")
        hidden = [Phase((k,), labels="pairs") for k in range(self.last)]
        return (*hidden, Phase((self.last,), share=READOUT_SHARE, labels_per_class=few))

    def proxy_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        if k == self.last:
            return F.cross_entropy(h, batch.y)
        return -self.options.scale * losses.kernel_alignment(heads.kernel_features(self.outputs[k], h), batch.y)
