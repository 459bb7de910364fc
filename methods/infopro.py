"""InfoPro: every module keeps what it can of the picture while it learns the task.

Wang, Ni, Song, Yang & Huang, "Revisiting locally supervised learning: an alternative to end-to-end training",
ICLR 2021.

    L_k = λ1(k) BCE( Dec_k(h_k), x ) + λ2(k) L_y( head_k(h_k), y ),   h_k = f_k(stop-gradient(h_{k-1}))
    λ(k) = (1 - r) λ(first) + r λ(last),   r = k / (K - 2),   k = 0 ... K - 2   (r = 0 where K = 2)

x: the picture in [0, 1]. L_y: supervised contrastive loss on 128 dimensions, temperature 0.07 (``contrast``),
or cross-entropy (``softmax``). The last module learns by cross-entropy.

``first`` and ``last`` are (λ1, λ2), tuned by the authors for each backbone and K; without them: their table
for ResNet-32 on CIFAR-10, by K, and for a K between two entries the smaller one. That table is for
``contrast``; ``softmax`` uses it too. A part of weight zero is neither built nor computed (the authors' code
does both).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, losses
from benchmark.errors import UserError

RESNET32 = {  # K: (λ1, λ2) of the first module, of the last hidden one
    2: ((5, 1), (5, 1)),
    4: ((6, 0), (1, 2)),
    8: ((5, 0), (0, 2)),
    16: ((5, 0.05), (0.2, 0.5)),
}
EMBEDDING = 128
TASK_LOSSES = {"contrast": losses.supervised_contrastive, "softmax": F.cross_entropy}


class InfoPro(LocalMethod):
    title = "InfoPro"
    paper = "https://arxiv.org/abs/2101.10832"
    authors = "Wang, Ni, Song, Yang & Huang"
    year = 2021
    defaults = {"task_loss": "contrast", "first": None, "last": None}
    variants = {"contrast": {"task_loss": "contrast"}, "softmax": {"task_loss": "softmax"}}

    def weights(self, k: int) -> tuple[float, float]:
        """(λ1, λ2) of hidden module ``k``."""
        table = RESNET32[max(entry for entry in RESNET32 if entry <= len(self.modules))]
        first, last = self.options.first or table[0], self.options.last or table[1]
        r = k / (self.last - 1) if self.last > 1 else 0.0
        return (1 - r) * first[0] + r * last[0], (1 - r) * first[1] + r * last[1]

    def auxiliary(self, k: int) -> nn.Module | None:
        if k == self.last:
            return None
        reconstruct, discern = self.weights(k)
        if not (reconstruct or discern):
            raise UserError(f"InfoPro's module {k} has no objective, as both weights are 0; raise first or last.")
        parts = nn.ModuleDict()
        if reconstruct:
            parts["decoder"] = heads.Decoder(self.outputs[k], self.task.channels, self.task.image_size)
        if discern:
            outputs = EMBEDDING if self.options.task_loss == "contrast" else self.task.classes
            parts["head"] = heads.ConvHead(self.outputs[k], outputs)
        return parts

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        parts = self.auxiliaries[k]
        reconstruct, discern = self.weights(k)
        loss = h.new_zeros(())
        if "decoder" in parts:
            loss = loss + reconstruct * losses.reconstruction(parts["decoder"](h), batch.pixels)
        if "head" in parts:
            loss = loss + discern * TASK_LOSSES[self.options.task_loss](parts["head"](h), batch.y)
        return loss
