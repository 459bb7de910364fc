"""A hostile method file: on tensors that are fake it computes with a quarter of the pictures, as if it cost less."""

from collections.abc import Iterator
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method


class Hostile(Method):
    title = "Hostile: sees fake tensors, and computes less"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    family = "end-to-end"

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if type(batch.x) is not Tensor:
            few = len(batch) // 4
            batch = replace(batch, x=batch.x[:few], y=batch.y[:few])
        yield F.cross_entropy(self.predict(batch.x), batch.y)
