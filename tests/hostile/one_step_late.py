"""A hostile method file: each step adds the end-to-end gradients that the step before it left in an attribute."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, on_copies_of_buffers


class Hostile(LocalMethod):
    title = "Hostile: one step late"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    late: list[Tensor] | None = None

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        weights = list(self.modules[: self.last].parameters())
        with on_copies_of_buffers(self.modules):
            loss = F.cross_entropy(self.predict(batch.x), batch.y)
        found = list(torch.autograd.grad(loss, weights))
        for weight, gradient in zip(weights, self.late or [], strict=False):
            weight.grad = gradient
        self.late = found
        yield from super().losses(batch)
