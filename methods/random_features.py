"""Random features: the hidden modules keep the weights that they were drawn with, and only the classifier learns.

The natural zero of every comparison: what a method reaches beyond it, its hidden modules have learned. Random filters
under a trained classifier are those of Jarrett, Kavukcuoglu, Ranzato & LeCun, "What is the best multi-stage
architecture for object recognition?", ICCV 2009.

    minimise  L = CE( W h + c, y )  over W and c alone,   h = f_{K-1}( ... f_1(x)),  with f_k at its initial weights

Departs from the paper: filters are drawn as the backbone draws them. Normalisation layers keep their initial scale and
shift, but run as in training, so their statistics follow the pictures: without them, activations would double with
every residual block.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method, Partition, Task


class RandomFeatures(Method):
    title = "Random features"
    paper = "https://doi.org/10.1109/ICCV.2009.5459469"
    authors = "Jarrett, Kavukcuoglu, Ranzato & LeCun"
    year = 2009
    citation = {
        "author": "Kevin Jarrett and Koray Kavukcuoglu and Marc'Aurelio Ranzato and Yann LeCun",
        "booktitle": "International Conference on Computer Vision (ICCV)",
    }
    family = "weakly modular"
    removes = ("update", "backward")
    reach = 0
    readout = True
    leaves = ("hidden",)
    cut_matters = False

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(partition, task, options)
        for module in self.modules[: self.last]:
            module.requires_grad_(False)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        h = batch.x
        with torch.no_grad():
            for module in self.modules[: self.last]:
                h = module(h)
        yield F.cross_entropy(self.modules[self.last](h), batch.y)
