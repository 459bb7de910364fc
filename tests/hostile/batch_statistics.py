"""A hostile method file: its BatchNorm uses the statistics of the test batch; it leaves no trace of that."""

import torch.nn.functional as F
from torch import nn

from benchmark import LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: uses batch statistics at test time"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x):
        norms = [m for m in self.modules.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        logits = super().predict(x)
        for norm in norms:
            norm.training, norm.track_running_stats = False, True
        return logits
