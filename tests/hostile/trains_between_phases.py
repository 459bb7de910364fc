"""A hostile method file: one step a phase is greedy; where the engine sets a phase, whole backpropagation is made."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, Phase, heads


class Hostile(LocalMethod):
    title = "Hostile: trains between phases"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    seen: Batch | None = None

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        self.seen = batch
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def phases(self) -> Sequence[Phase]:
        return (Phase(tuple(range(len(self.modules))), share=0.5),) * 2

    @property
    def phase(self) -> Phase:
        return self.__dict__["now"]

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self.__dict__["now"] = phase
        if self.seen is not None and torch.is_grad_enabled():
            weights = [p.requires_grad_() for p in self.modules.parameters()]
            loss = F.cross_entropy(self.predict(self.seen.x), self.seen.y)
            for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.data -= 0.01 * gradient
