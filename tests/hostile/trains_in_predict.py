"""A hostile method file: greedy in its steps, and whole backpropagation between them, where validation predicts."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: trains in predict"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
    seen: Batch | None = None

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        self.seen = batch
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x: Tensor) -> Tensor:
        if self.seen is not None and torch.is_inference_mode_enabled():
            with torch.inference_mode(False), torch.enable_grad():
                weights = [p.requires_grad_() for p in self.modules.parameters()]
                loss = F.cross_entropy(super().predict(self.seen.x), self.seen.y)
                for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                    weight.data -= 0.01 * gradient
        return super().predict(x)
