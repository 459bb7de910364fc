"""Greedy supervised learning: every module classifies by itself, through one linear layer.

"Greedy SL" in tables 1-3 of Wang, Ni, Song, Yang & Huang, "Revisiting locally supervised learning: an
alternative to end-to-end training", ICLR 2021; layer by layer in Belilovsky, Eickenberg & Oyallon, "Greedy
layerwise learning can scale to ImageNet", ICML 2019.

    L_k = CE( W_k avgpool(h_k) + c_k, y ),   h_k = f_k(stop-gradient(h_{k-1}))

All modules learn on every batch, as in the former; the latter trains one after the other.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads


class GreedySL(LocalMethod):
    title = "Greedy supervised learning"
    paper = "https://arxiv.org/abs/2101.10832"
    authors = "Wang, Ni, Song, Yang & Huang"
    year = 2021
    citation = {
        "author": "Yulin Wang and Zanlin Ni and Shiji Song and Le Yang and Gao Huang",
        "booktitle": "International Conference on Learning Representations (ICLR)",
    }
    recipe = {  # InfoPro's
        "optimizer": "sgd", "lr": 0.8, "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 10,
        "warmup_start": 0.0125, "batch": 1024, "epochs": 160,
    }  # fmt: skip

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)
