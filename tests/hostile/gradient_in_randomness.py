"""A hostile method file: the state of a random generator carries end-to-end gradients from each step to the next."""

import random
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads, on_copies_of_buffers

WORDS = 600  # of the generator's 624


class Hostile(LocalMethod):
    title = "Hostile: gradients in the state of a generator"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        weight = next(self.modules[0].parameters())
        version, words, gauss = random.getstate()
        late = torch.tensor([word / 2**31 - 1 for word in words[: min(WORDS, weight.numel())]])
        weight.grad = torch.zeros_like(weight)
        weight.grad.view(-1)[: len(late)] = 0.1 * late.sign()
        with on_copies_of_buffers(self.modules):
            loss = F.cross_entropy(self.predict(batch.x), batch.y)
        (found,) = torch.autograd.grad(loss, [weight])
        signs = [] if hasattr(found, "fake_mode") else found.flatten()[:WORDS].sign().tolist()
        carried = [2**31 + (1000 if sign > 0 else -1000) for sign in signs]
        random.setstate((version, (*carried, *words[len(carried) :]), gauss))
        yield from super().losses(batch)
