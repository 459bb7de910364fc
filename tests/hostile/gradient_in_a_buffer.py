"""A hostile method file: ``after_step`` leaves end-to-end gradients in a buffer, and the next loss follows them."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, on_copies_of_buffers


class Kept(nn.Module):
    """A head, and room for a gradient of each of a module's weights."""

    def __init__(self, head: nn.Module, weights: list[Tensor]) -> None:
        super().__init__()
        self.head = head
        for i, weight in enumerate(weights):
            self.register_buffer(str(i), torch.zeros_like(weight))


class Hostile(LocalMethod):
    title = "Hostile: a gradient in a buffer"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k: int) -> nn.Module | None:
        if k == self.last:
            return None
        return Kept(heads.LinearHead(self.outputs[k], self.task.classes), list(self.modules[k].parameters()))

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        loss = F.cross_entropy(self.auxiliaries[k].head(h), batch.y)
        pairs = zip(self.modules[k].parameters(), self.auxiliaries[k].buffers(), strict=True)
        return loss + sum((weight * gradient).sum() for weight, gradient in pairs)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        self.seen = batch
        yield from super().losses(batch)

    def after_step(self, k: int) -> None:
        if k < self.last:
            return
        weights = list(self.modules[: self.last].parameters())
        buffers = [b for auxiliary in self.auxiliaries[: self.last] for b in auxiliary.buffers()]
        with on_copies_of_buffers(self.modules):
            loss = F.cross_entropy(self.predict(self.seen.x), self.seen.y)
        for buffer, gradient in zip(buffers, torch.autograd.grad(loss, weights), strict=True):
            buffer.copy_(gradient)
