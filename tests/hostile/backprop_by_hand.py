"""A hostile method file: ``after_step`` writes the weights by hand, along end-to-end gradients."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, on_copies_of_buffers


class Hostile(LocalMethod):
    title = "Hostile: backpropagation by hand"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h.detach()), batch.y) + 0 * h.sum()

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        self.seen = batch
        yield from super().losses(batch)

    def after_step(self, k: int) -> None:
        if k < self.last:
            return
        weights = list(self.modules[: self.last].parameters())
        with on_copies_of_buffers(self.modules):
            loss = F.cross_entropy(self.predict(self.seen.x), self.seen.y)
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.data.add_(gradient, alpha=-0.05)
