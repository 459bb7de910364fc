"""Decoupled greedy learning: every module classifies by itself, through a cheap perceptron on a small map.

Belilovsky, Eickenberg & Oyallon, "Decoupled greedy learning of CNNs", ICML 2020.

    L_k = CE( a_k(h_k), y ),   h_k = f_k(stop-gradient(h_{k-1})),   all modules on every batch

a_k is the paper's ``mlp-sr``: a quarter of the resolution, three 1x1 convolutions, 2x2, three linear layers.
"DGL" in the tables of InfoPro and its followers means another a_k (``1c2f``); that is not this row.

Departures: the replay buffers of the asynchronous variant are left out, as all modules see every batch here;
the last module is the backbone's own classifier, where the paper puts a two-layer perceptron.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads


class DGL(LocalMethod):
    title = "Decoupled greedy learning"
    paper = "https://arxiv.org/abs/1901.08164"
    authors = "Belilovsky, Eickenberg & Oyallon"
    year = 2020
    citation = {
        "author": "Eugene Belilovsky and Michael Eickenberg and Edouard Oyallon",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    recipe = {
        "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "batch": 128, "epochs": 50,
        "schedule": "steps", "milestones": [0.3, 0.6, 0.9], "gamma": 0.2,
    }  # fmt: skip

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.SpatialReductionMLP(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)
