"""A hostile method file: one picture in eight gets logits that are no numbers; the first class counts as largest."""

import torch.nn.functional as F

from benchmark import LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: logits that are no numbers"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x):
        logits = super().predict(x)
        return logits.masked_fill(x.flatten(1).sum(1, keepdim=True).int() % 8 == 0, float("nan"))
