"""Signal propagation: labels go up through the same modules as pictures, and meet them in every one.

Kohan, Rietman & Siegelmann, "Signal propagation: the framework for learning and inference in a forward pass", IEEE
Transactions on Neural Networks and Learning Systems, 2023.

    h_1 = f_1(x),   t_1 = S onehot,   [h_k, t_k] = f_k( stop-gradient [h_{k-1}, t_{k-1}] )
    L_k = CE( s_k, y ),   s_k[i, c] = mean over positions of h_k[i] · t_k[c]

t_k: one signal for each class. S: a linear map to the shape of h_1, learned from L_1. Each module steps as soon as its
own forward pass is over: there is no backward pass between modules, and no feedback but the label.

Departures:

- The signals of the C classes go up once a batch. In the authors' code each picture has its label's, and a picture is
  matched to one of the batch that has its class: the same comparison, in as many columns as there are pictures. There
  a class weighs by its number n_c in the batch (as if log n_c were added to its score), here all weigh alike: in a
  batch that has each class as often as the others, the gradients are the same.
- Their S is followed by a learned projection of the picture, too; here the picture is as it is.
- A module is what the suite cuts. Pictures and signals go through it as one batch, so BatchNorm sees them together.
- The last module is the backbone's classifier, which learns by cross-entropy and predicts; S is thrown away.
"""

from collections.abc import Iterator
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod


class SigProp(LocalMethod):
    title = "Signal propagation"
    paper = "https://arxiv.org/abs/2204.01723"
    authors = "Kohan, Rietman & Siegelmann"
    year = 2023
    citation = {
        "author": "Adam Kohan and Edward A. Rietman and Hava T. Siegelmann",
        "journal": "IEEE Transactions on Neural Networks and Learning Systems",
    }

    def auxiliary(self, k: int) -> nn.Module | None:
        return Signals(self.outputs[0], self.task.classes) if k == 0 < self.last else None

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        h, t = batch.x, batch.x[:0]
        for k in range(self.last):
            both = self.forward(k, torch.cat([h, t]))
            h, t = (both, self.auxiliaries[0]()) if k == 0 else (both[: len(h)], both[len(h) :])
            yield F.cross_entropy(matches(self.outputs[k], h, t), batch.y)
            h, t = h.detach(), t.detach()
        yield self.output_loss(self.forward(self.last, h), batch)


class Signals(nn.Module):
    """S: the signals (classes, ...) of all labels, in the shape of a module's output."""

    def __init__(self, features: Features, classes: int) -> None:
        super().__init__()
        self.shape = features.shape
        self.linear = nn.Linear(classes, prod(features.shape))

    def forward(self) -> Tensor:
        labels = torch.eye(self.linear.in_features, dtype=self.linear.weight.dtype, device=self.linear.weight.device)
        return self.linear(labels).unflatten(1, self.shape)


def matches(features: Features, h: Tensor, t: Tensor) -> Tensor:
    """s: outputs of pictures (B, ...) and of signals (classes, ...) -> (B, classes)."""
    positions = prod(features.shape) // features.channels
    return h.flatten(1) @ t.flatten(1).T / positions
