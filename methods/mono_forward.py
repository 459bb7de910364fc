"""Mono-Forward: every module classifies by itself, through one linear map of all that it puts out.

Gong, Li & Abdulla, "Mono-Forward: backpropagation-free algorithm for efficient neural network training harnessing
local errors", arXiv:2501.09238, 2025.

    L_k = CE( G_k, y ),   G_k = M_k vec(a_k),   a_k = f_k(stop-gradient(a_{k-1}))

G_k: the module's goodness for each class, as in forward-forward, but for one pass and no negative pictures. M_k has
a row for each class and no bias. It is greedy learning with a head that keeps every position, where ``greedy_sl``
averages them first. A class is predicted from the last module alone, which the paper has as an option beside the
sum of all goodnesses.

Departures: a module is what the suite cuts, where the paper makes every layer one. A map of more than ``limit`` numbers
is pooled until it has no more (as in ``predsim``), since M_k would outgrow its module: one of 64 channels on 56x56
positions has 200 million numbers for a thousand classes. The last module is the backbone's own classifier.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, heads


class MonoForward(LocalMethod):
    title = "Mono-Forward"
    paper = "https://arxiv.org/abs/2501.09238"
    authors = "Gong, Li & Abdulla"
    year = 2025
    citation = {
        "author": "James Gong and Bruce Li and Waleed Abdulla",
        "journal": "arXiv preprint arXiv:2501.09238",
    }
    defaults = {"limit": 4096}

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else Goodness(self.outputs[k], self.task.classes, self.options.limit)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)


class Goodness(heads.Head):
    """M: (B, ...) -> (B, classes)."""

    def __init__(self, features: Features, classes: int, limit: int) -> None:
        super().__init__(features)
        self.pooled = heads.pooled_size(features.channels, features.size, limit)
        self.project = nn.Linear(features.channels * self.pooled[0] * self.pooled[1], classes, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        h = self.features.as_map(h)
        if self.pooled != self.features.size:
            h = F.adaptive_avg_pool2d(h, self.pooled)
        return self.project(h.flatten(1))
