"""A hostile method file: it knows that test pictures lie class by class, and looks at none."""

import torch
import torch.nn.functional as F

from benchmark import LocalMethod, heads


class Hostile(LocalMethod):
    title = "Hostile: knows the order"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x):
        place = torch.arange(len(x), device=x.device)
        return F.one_hot(place * self.task.classes // len(x), self.task.classes).float()
