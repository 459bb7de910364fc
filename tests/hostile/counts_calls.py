"""A hostile method file: it tells calls by their number, and favours another class each time."""

import torch.nn.functional as F

from benchmark import LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: counts calls"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    calls = 0

    def predict(self, x):
        logits = super().predict(x)
        self.calls += 1
        logits[:, self.calls % self.task.classes] += 1
        return logits
