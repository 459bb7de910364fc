"""End-to-end backpropagation: the baseline that every other method is measured against.

Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323, 1986.

One global forward pass, one global backward pass:

    minimise  L = CE(f_K(... f_1(x)), y)   over all parameters at once.

The cut changes nothing here; it is trained at K = 1 and serves as the twin of every other K.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method


class E2EBP(Method):
    title = "End-to-end backpropagation"
    paper = "https://doi.org/10.1038/323533a0"
    authors = "Rumelhart, Hinton & Williams"
    year = 1986
    citation = {
        "author": "David E. Rumelhart and Geoffrey E. Hinton and Ronald J. Williams",
        "journal": "Nature",
    }
    family = "end-to-end"
    cut_matters = False

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        yield F.cross_entropy(self.predict(batch.x), batch.y)
