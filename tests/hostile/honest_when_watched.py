"""A hostile method file: it averages over neighbours in large batches only, where it takes itself to be unwatched."""

import torch.nn.functional as F

from benchmark import LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: honest when watched"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x):
        logits = super().predict(x)
        if len(x) < 50:
            return logits
        return F.avg_pool1d(logits.T, 25, stride=1, padding=12, count_include_pad=False).T
