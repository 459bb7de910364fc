"""A hostile method file: it adds noise to its logits, until a draw comes out well."""

import torch
import torch.nn.functional as F

from benchmark import LocalMethod, heads

dice = torch.Generator()  # not torch's own, so that training goes on as it would


class Hostile(LocalMethod):
    title = "Hostile: draws at random"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x):
        logits = super().predict(x)
        return logits + logits.std() * torch.rand(logits.shape, device=x.device, generator=dice)
