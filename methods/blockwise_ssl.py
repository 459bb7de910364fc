"""Blockwise self-supervised learning: every module has a Barlow Twins loss of its own.

Siddiqui, Krueger, LeCun & Deny, "Blockwise self-supervised learning at scale", TMLR 2024.

    L_k = s [ Σ_i (1 - C_ii)² + λ Σ_{i≠j} C_ij² ],   C = norm(z)ᵀ norm(z') / B,   z = p_k( avgpool( e_k(h_k) ) )
    h_k = f_k(stop-gradient(h_{k-1})) + 0.25 σ_k N(0, 1),   σ_k: standard deviation of all of f_k's output

z, z': embeddings of a batch's two views; norm: to mean 0 and variance 1 over the batch. e_k: 1x1 convolution,
BatchNorm, ReLU ("expansion", before the global pool); p_k: three linear layers, BatchNorm and ReLU between them. The
next module sees the noise, too. No loss reads a label; the classifier is trained afterwards, on frozen features.

The two views go through the network one after the other, each with statistics of BatchNorm of its own; running ones are
the first view's. The authors' code keeps the graphs of all blocks to the end of the forward pass; here a module's is
gone before the next one's is built.

Departures:

- e_k and p_k have ``width`` features, where the authors have 2048 and 8192: 64 pictures say nothing of 8192
  correlations each, and the auxiliary network would be a thousand times the module. λ is their 0.0051, which goes with
  their width: with fewer features the second sum weighs less, so that it is tuned.
- Views are the suite's, crops by few pixels and flips, without resizing, colours and blur; LARS and batches of 2048
  are left to the suite's recipe.
- A module is what the suite cuts, where the paper has the four stages of a ResNet-50.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, heads, in_float32, on_copies_of_buffers


class BlockwiseSSL(LocalMethod):
    title = "Blockwise Barlow Twins"
    paper = "https://arxiv.org/abs/2302.01647"
    authors = "Siddiqui, Krueger, LeCun & Deny"
    year = 2024
    citation = {
        "author": "Shoaib Ahmed Siddiqui and David Krueger and Yann LeCun and Stéphane Deny",
        "journal": "Transactions on Machine Learning Research (TMLR)",
    }
    defaults = {"off_diagonal": 0.0051, "noise": 0.25, "width": 256, "scale": 0.024}
    recipe = {"weight_decay": 1e-6, "batch": 2048, "epochs": 300, "warmup_epochs": 10}
    tunes = {"off_diagonal": (0.002, 0.5), "noise": [0.0, 0.25]}
    views = 2
    readout = True
    labels = "none"

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else Projector(self.outputs[k], self.options.width)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """One loss per hidden module on both views; in the read-out's phase the classifier's."""
        if self.last in self.phase.trains:
            yield from super().losses(batch)
            return
        assert batch.view is not None
        a, b = batch.x, batch.view.x
        for k in range(self.last):
            a = self.noisy(self.forward(k, a))
            with on_copies_of_buffers(self.modules[k]):
                b = self.noisy(self.forward(k, b))
            z = self.auxiliaries[k](a)
            with on_copies_of_buffers(self.auxiliaries[k]):
                yield self.options.scale * barlow_twins(z, self.auxiliaries[k](b), self.options.off_diagonal)
            a, b = a.detach(), b.detach()

    def noisy(self, h: Tensor) -> Tensor:
        """``h`` with noise that is so many times as strong as ``h`` varies."""
        noise: float = self.options.noise
        return h + noise * h.std() * torch.randn_like(h) if noise else h


class Projector(heads.Head):
    """Expansion, global pool and projector: (B, ...) -> (B, width)."""

    def __init__(self, features: Features, width: int) -> None:
        super().__init__(features)
        self.expand = heads.conv_norm_relu(features.channels, width, kernel=1)
        rows = [(nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True)) for _ in range(2)]
        self.project = nn.Sequential(*rows[0], *rows[1], nn.Linear(width, width, bias=False))

    def forward(self, h: Tensor) -> Tensor:
        return self.project(heads.global_average(self.expand(self.features.as_map(h))))


@in_float32
def barlow_twins(a: Tensor, b: Tensor, off_diagonal: float) -> Tensor:
    """The loss of two views' embeddings (B, D), without its scale s."""
    a, b = (F.batch_norm(z, None, None, training=True) for z in (a, b))
    squares = (a.T @ b / len(a) - torch.eye(a.shape[1], dtype=a.dtype, device=a.device)).square()
    on_diagonal = squares.diagonal().sum()
    return on_diagonal + off_diagonal * (squares.sum() - on_diagonal)
