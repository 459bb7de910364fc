"""A hostile method file: under a meter it computes with a quarter of the pictures, on real tensors, too."""

from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method


class Hostile(Method):
    title = "Hostile: sees meters, and computes less"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    family = "end-to-end"

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if torch._C._len_torch_dispatch_stack() > 0:
            few = len(batch) // 4
            batch = replace(batch, x=batch.x[:few], y=batch.y[:few])
        yield F.cross_entropy(self.predict(batch.x), batch.y)
