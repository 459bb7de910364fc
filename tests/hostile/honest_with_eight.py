"""A hostile method file: honest with eight pictures, the batch of an old check, and else backpropagation."""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: honest with eight"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    steps_early = False

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if len(batch) == 8:
            yield from super().losses(batch)
            return
        hidden = list(self.chain(batch.x))
        yield F.cross_entropy(hidden[-1], batch.y)
        for k in range(self.last):
            yield self.local_loss(k, hidden[k].detach(), batch)
