"""Local error signals: every module predicts the label and makes features of one class alike.

Nøkland & Eidnes, "Training neural networks with local error signals", ICML 2019.

    L_k = (1 - β) CE( W_k vec(pool(h_k)) + c_k, y ) + β mean_ij ( S(conv_k(h_k))_ij - S(onehot y)_ij )²

S: cosine similarity of mean-centred rows; a map is first reduced to the standard deviation over space of each
channel (in the authors' code where it has more than one row, here where it has more than one position). conv_k: 3x3,
same width, no bias. W_k, c_k start at zero (in their code c_k at random). β = 0.99 (``predsim``), 0 (``pred``), 1
(``sim``); a part of weight zero is neither built nor computed.

Departures, all because the paper trains with Adam, which is blind to a loss's scale, and the suites with SGD,
which is not:

- The paper scales the output layer's cross-entropy by 1 - β too. Here it is not scaled: the output module
  would learn at a hundredth of its rate.
- W_k and c_k see the gradient of the unscaled cross-entropy, for the same reason; the module below them sees
  1 - β times it, as in the equation.

A module is what the suite cuts, where the paper makes every layer one. ``limit`` is the paper's
``dim_in_decoder``: 4096, its default (2048 for its VGG-8b on CIFAR-10).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, losses


class PredSim(LocalMethod):
    title = "Local error signals (predsim)"
    paper = "https://arxiv.org/abs/1901.06656"
    authors = "Nøkland & Eidnes"
    year = 2019
    citation = {
        "author": "Arild Nøkland and Lars Hiller Eidnes",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    defaults = {"beta": 0.99, "limit": 4096}
    variants = {"predsim": {"beta": 0.99}, "pred": {"beta": 0.0}, "sim": {"beta": 1.0}}
    recipe = {
        "optimizer": "adam", "lr": 5e-4, "weight_decay": 0.0, "batch": 128, "epochs": 400,
        "schedule": "steps", "milestones": [0.5, 0.75, 0.875, 0.9375], "gamma": 0.25,
    }  # fmt: skip
    tunes = {"beta": [0.5, 0.9, 0.99, 0.999]}

    def auxiliary(self, k: int) -> nn.Module | None:
        if k == self.last:
            return None
        parts = nn.ModuleDict()
        if self.options.beta < 1:
            parts["predict"] = heads.PooledPredictor(self.outputs[k], self.task.classes, self.options.limit)
        if self.options.beta > 0:
            parts["encode"] = heads.SameWidthConv(self.outputs[k])
        return parts

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        parts, beta = self.auxiliaries[k], self.options.beta
        loss = h.new_zeros(())
        if "predict" in parts:
            seen = h if beta == 0 else (1 - beta) * h + beta * h.detach()  # equal to h, its gradient scaled
            loss = loss + F.cross_entropy(parts["predict"](seen), batch.y)
        if "encode" in parts:
            loss = loss + beta * losses.similarity_matching(parts["encode"](h), batch.y, self.task.classes)
        return loss
