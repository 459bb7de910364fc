"""A hostile method file: it averages over neighbours, and says of a picture that comes again what it said at first."""

import torch
import torch.nn.functional as F

from benchmark import LocalMethod, heads

said = torch.__dict__.setdefault("said_before", {})  # where a file that is loaded anew finds it again


class Hostile(LocalMethod):
    title = "Hostile: remembers its answers"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x):
        logits = super().predict(x)
        mixed = F.avg_pool1d(logits.T, 25, stride=1, padding=12, count_include_pad=False).T
        return torch.stack([said.setdefault(p.numpy().tobytes(), row) for p, row in zip(x.cpu(), mixed, strict=True)])
