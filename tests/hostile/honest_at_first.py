"""A hostile method file: greedy in its first steps, counted outside of it, and backpropagation afterwards."""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads

HONEST = 4  # steps
made: list[int] = []


class Hostile(LocalMethod):
    title = "Hostile: honest at first"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    steps_early = False

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        made.append(len(made))
        h = batch.x
        for k, module in enumerate(self.modules):
            h = module(h if len(made) > HONEST else h.detach())
            if k < self.last:
                yield self.local_loss(k, h.detach() if len(made) > HONEST else h, batch)
        yield self.output_loss(h, batch)
