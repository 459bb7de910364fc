"""Asked for its phases when the training begins, it names five times the epochs that it named before."""

import torch.nn.functional as F

from benchmark import LocalMethod, Phase, heads


class TrainsLonger(LocalMethod):
    title = "Trains longer"
    paper = "https://example.org"
    authors = "nobody"
    year = 2026
    asked = 0

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def phases(self):
        self.asked += 1
        return (Phase(tuple(range(len(self.modules))), share=1.0 if self.asked <= 6 else 5.0),)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)
