"""A hostile method file: end-to-end gradients are put into ``.grad`` by hand, beside harmless local losses."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: backpropagation by .grad"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        hidden = []
        h = batch.x
        for module in self.modules:
            h = module(h)
            hidden.append(h.detach())
        loss = F.cross_entropy(h, batch.y)
        weights = list(self.modules.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient
        for k in range(self.last):
            yield F.cross_entropy(self.auxiliaries[k](hidden[k]), batch.y)
        yield 0 * sum(w.sum() for w in self.modules[self.last].parameters()) + loss.detach()
