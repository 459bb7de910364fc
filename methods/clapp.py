"""CLAPP: every module learns to tell whether two patches belong to one picture, by a rule that a synapse could follow.

Illing, Ventura, Bellec & Gerstner, "Local plasticity rules can learn deep representations using self-supervised
contrastive predictions", NeurIPS 2021. For a patch in row r and column c of a picture, and the one s rows below:

    L_k = mean_s [ mean max(0, 1 - z_{r,c}·W_s z_{r+s,c}) + mean max(0, 1 + z_{r,c}·W_s z'_{r+s,c}) ]
    s = 1 ... min(5, grid - 1);   z': the same patch of another picture of the batch

For each picture a coin is tossed: it counts in the first mean or in the second, as an eye either rests on a picture
or moves on. The hinge makes an update a product of what is before and behind a synapse, a prediction W z from within
the module, and one bit for the whole network; ``gim`` compares each patch with 16 others by a softmax instead. z is
the global average of module k's output on a patch; its gradient stops at the module. No loss reads a label; the
classifier is trained afterwards, on frozen features.

Patches are ``gim``'s: grid x grid of them that overlap by half, enlarged to the picture's size where the network does
not take smaller ones.

Departures: the paper has 7x7 patches of 16x16 pixels of larger pictures, and never predicts the next row. Its W that
predicts and its W that is learned with z below are two, which differ; here they are one (the authors'
``HingeLossCPC`` with the coin). z is brought to mean 0 and variance 1 over its channels and scores are divided by √C,
as in ``gim``: with raw scores a margin of 1 means another thing in each module. A module is what the suite cuts, where
theirs is a layer of a VGG; the classifier sees whole pictures. z' is of the picture so many places further on in the
batch, one draw a module; theirs is drawn for each picture and step, and may be the picture itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, Partition, Task, patches


class CLAPP(LocalMethod):
    title = "CLAPP"
    paper = "https://arxiv.org/abs/2010.08262"
    authors = "Illing, Ventura, Bellec & Gerstner"
    year = 2021
    citation = {
        "author": "Bernd Illing and Jean Ventura and Guillaume Bellec and Wulfram Gerstner",
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    recipe = {"epochs": 600}
    defaults = {"grid": 3, "steps": 5}
    tunes = {"grid": [2, 3, 5]}
    readout = True
    labels = "none"

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(partition, task, options)
        self.patch_size = patches.size_for(self.modules[: self.last], self.outputs, task, self.options.grid)

    def auxiliary(self, k: int) -> nn.Module | None:
        """W_s for each number of rows s."""
        if k == self.last:
            return None
        return patches.predictions(self.outputs[k], self.options.grid, self.options.steps)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """The hidden modules see patches, the classifier whole pictures."""
        if self.last not in self.phase.trains:
            batch = replace(batch, x=patches.cut(batch.x, self.options.grid, self.patch_size))
        yield from super().losses(batch)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        z = patches.encoded(self.outputs[k], h, self.options.grid)
        same = torch.rand(len(z), device=z.device) < 0.5
        other = (torch.arange(len(z), device=z.device) + torch.randint(1, len(z), (1,), device=z.device)) % len(z)
        return torch.stack(
            [
                hinge(below(z[:, :-s], predict(z[:, s:])), below(z[:, :-s], predict(z[other, s:])), same)
                for s, predict in enumerate(self.auxiliaries[k], start=1)
            ]
        ).mean()


def below(z: Tensor, prediction: Tensor) -> Tensor:
    """Scores (B, rows, columns) of patches and of what is predicted for them, both (B, rows, columns, C)."""
    return (z * prediction).sum(-1) / z.shape[-1] ** 0.5


def hinge(right: Tensor, wrong: Tensor, same: Tensor) -> Tensor:
    """The loss of scores (B, rows, columns) with the own and with another picture, as the coin (B,) says."""
    pull, push = (F.relu(1 + sign * score).flatten(1).mean(1) for sign, score in ((-1, right), (1, wrong)))
    return (pull * same).sum() / same.sum().clamp(min=1) + (push * ~same).sum() / (~same).sum().clamp(min=1)
