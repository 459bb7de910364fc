"""A hostile method file: it keeps the mean of all the logits that it gave, and evens out the classes by it."""

import torch.nn.functional as F

from benchmark import LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: adapts to the test pictures"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    given = 0

    def predict(self, x):
        logits = super().predict(x)
        self.given = 0.5 * self.given + 0.5 * logits.mean(0)
        return logits - self.given
