"""Direct random target projection: every hidden module follows a fixed random projection of the label.

Frenkel, Lefebvre & Bol, "Learning without feedback: Fixed random learning signals allow for feedforward training of
deep neural networks", Frontiers in Neuroscience 2021.

    w_k moves along  (∂h_k / ∂w_k)ᵀ B_k onehot(y),   k = 0 ... K - 2
    L_k = mean over pictures of  h_k · B_k onehot(y),   h_k = f_k(stop-gradient(h_{k-1}))

B_k is drawn once and never trained. The label stands for the error of direct feedback alignment, whose signs it tells
(B_k's own sign is free), so a hidden module waits neither for the output nor for any module above it. The last module
learns by cross-entropy.

Departures: a module is what the suite cuts, and inside it true gradients flow, where the paper makes every layer
one. B_k is normal of variance 1 / (numbers in h_k), where the paper's is He-uniform.
"""

from math import prod

import torch
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod


class DRTP(LocalMethod):
    title = "Direct random target projection"
    paper = "https://arxiv.org/abs/1909.01311"
    authors = "Frenkel, Lefebvre & Bol"
    year = 2021

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else RandomTarget(self.outputs[k], self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return (h * self.auxiliaries[k](batch.y)).sum() / len(batch)


class RandomTarget(nn.Module):
    """The fixed random matrix B_k: labels (B,) -> its columns (B, ...), in the shape of a module's output."""

    columns: Tensor

    def __init__(self, features: Features, classes: int) -> None:
        super().__init__()
        self.register_buffer("columns", prod(features.shape) ** -0.5 * torch.randn(classes, *features.shape))

    def forward(self, y: Tensor) -> Tensor:
        return self.columns[y]
