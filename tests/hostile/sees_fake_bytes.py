"""A hostile method file: on tensors that are fake it goes picture group by picture group, as if it took less memory."""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method


class Hostile(Method):
    title = "Hostile: sees fake tensors, and keeps less"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    family = "end-to-end"

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        groups = 1 if type(batch.x) is Tensor else 4
        loss = 0 * batch.x[0, 0, 0, 0]
        for x, y in zip(batch.x.chunk(groups), batch.y.chunk(groups), strict=True):
            part = F.cross_entropy(self.predict(x), y) / groups
            if groups > 1:
                part.backward()
            loss = loss + (part if groups == 1 else part.detach())
        yield loss if groups == 1 else loss + 0 * sum(w.sum() for w in self.modules.parameters())
