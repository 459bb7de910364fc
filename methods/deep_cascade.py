"""Deep cascade learning: one module after the other learns to classify through a perceptron on its whole output.

Marquez, Hare & Niranjan, "Deep cascade learning", IEEE TNNLS 2018.

    L_k = CE( a_k(h_k), y ),   h_k = f_k(h_{k-1}),   all modules before k trained and frozen
    a_k(h) = W3 ReLU( W2 drop( ReLU( W1 drop(vec h) ) ) )   (biases left out),   512 and 256 hidden units

drop: dropout of one half. Nothing is pooled, so that W1 outweighs a module of large maps by far; it is thrown
away with the module done.

Departures: a module is what the suite cuts, where the paper makes every layer one; the last module is the
backbone's own classifier, where the paper keeps the last a_k. Every module trains for the suite's budget and
learning rate; the authors' code gives the i-th layer 10 + 10 i epochs (i = 0, 1, ...) with SGD from 0.01, cut
tenfold on each plateau, and a weight decay of 0.001. It runs the frozen modules once over the data and keeps
their outputs; here they run again on every batch, whose pictures are augmented afresh.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, ModularMethod, heads


class DenseHead(heads.Head):
    """Two hidden layers, of ``hidden`` and half as many units, on all of the map: (B, ...) -> (B, outputs)."""

    def __init__(self, features: Features, outputs: int, hidden: int) -> None:
        super().__init__(features)
        height, width = features.size
        self.layers = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(features.channels * height * width, hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, hidden // 2),
            nn.ReLU(),
            nn.Linear(hidden // 2, outputs),
        )

    def forward(self, h: Tensor) -> Tensor:
        return self.layers(self.features.as_map(h).flatten(1))


class DeepCascade(ModularMethod):
    title = "Deep cascade learning"
    paper = "https://doi.org/10.1109/TNNLS.2018.2805098"
    authors = "Marquez, Hare & Niranjan"
    year = 2018
    citation = {
        "author": "Enrique S. Marquez and Jonathon S. Hare and Mahesan Niranjan",
        "journal": "IEEE Transactions on Neural Networks and Learning Systems",
    }
    defaults = {"hidden": 512}
    recipe = {"optimizer": "sgd", "lr": 0.01, "weight_decay": 1e-3}
    tunes = {"hidden": [128, 256, 512]}

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else DenseHead(self.outputs[k], self.task.classes, self.options.hidden)

    def proxy_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)
