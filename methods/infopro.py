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

from torch import Tensor, nn

from benchmark import Batch, LocalMethod
from benchmark.engine.infopro_objective import InfoProObjective, infopro_weights


class InfoPro(LocalMethod):
    title = "InfoPro"
    paper = "https://arxiv.org/abs/2101.10832"
    authors = "Wang, Ni, Song, Yang & Huang"
    year = 2021
    citation = {
        "author": "Yulin Wang and Zanlin Ni and Shiji Song and Le Yang and Gao Huang",
        "booktitle": "International Conference on Learning Representations (ICLR)",
    }
    defaults = {"task_loss": "contrast", "first": None, "last": None}
    variants = {"contrast": {"task_loss": "contrast"}, "softmax": {"task_loss": "softmax"}}
    recipe = {
        "optimizer": "sgd", "lr": 0.8, "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 10,
        "warmup_start": 0.0125, "batch": 1024, "epochs": 160,
    }  # fmt: skip
    tunes = {"first": [None, [5, 0], [5, 1], [1, 1]], "last": [None, [0, 1], [0.5, 1], [1, 1]]}

    def weights(self, k: int) -> tuple[float, float]:
        """(λ1, λ2) of hidden module ``k``."""
        return infopro_weights(k, len(self.modules), self.options.first, self.options.last)

    def auxiliary(self, k: int) -> nn.Module | None:
        if k == self.last:
            return None
        return InfoProObjective(self.outputs[k], self.task, self.weights(k), self.options.task_loss)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return self.auxiliaries[k](h, batch)
