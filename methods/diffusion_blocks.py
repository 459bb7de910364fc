"""DiffusionBlocks: every module removes noise of its own strength from the label's embedding, beside the picture.

Shing, Koyama & Akiba, "DiffusionBlocks: block-wise neural network training via diffusion interpretation", ICLR 2026.
Noise σ has log σ ~ N(-1.2, 1.2²) on [0.002, 80]. K modules share it out in equal probability, the largest first:

    σ_k = exp( -1.2 + 1.2 Φ⁻¹(q_k) ),   q_k from Φ((log 80 + 1.2) / 1.2) down to Φ((log 0.002 + 1.2) / 1.2) in K steps
    L_k = w(σ) CE( a_k(D_k), y ),   w = (σ² + σ_d²) / (σ σ_d)²,   σ_d = 0.5,   z = u_y + σ ε,   |u_y| = 1
    D_k = c_skip z + c_out f_k( s, c_in z + e_k(log σ / 4) ),   s = stop-gradient(tokens of the picture)
    c_skip = σ_d² / (σ² + σ_d²),   c_out = σ σ_d / √(σ² + σ_d²),   c_in = 1 / √(σ² + σ_d²)

σ is drawn from [σ_{k+1}, σ_k], widened on both sides by ``gamma`` of its logarithmic length. f_k are the module's
transformer blocks; z is one more token, behind all others. a_k is the backbone's own norm, pooling and classifier in
the output module, else a norm and a linear layer, which stay in the deployed network. Prediction begins at σ_0 = 80:

    z ← z + (σ' - σ) / σ · ( z - Σ_c p_c u_c ),   p = softmax( a_k(D_k) ),   ``steps`` times a module, from σ_k to σ_{k+1}

No module waits for another's blocks, in training: tokens come from the stem alone, all that is before the first block.

Departures:

- The stem belongs to module 0 and learns by its loss; in the paper all blocks train it. Each module has its own u and
  classifier, and the paper one of each for all. All modules learn at each step, where the paper draws one.
- σ enters by AdaLN in each block of the paper, which would change the backbone; here its embedding e_k, a perceptron,
  is added to z's token.
- a_k normalises D_k, z added to every token, where the paper's norm is between the blocks and D_k: norm, pooling and
  classifier are one unit of the backbone. Hidden classifiers read the class token, or the mean where there is none.
- Prediction takes the mean of its first draw, z = 0: a picture has one prediction. It ends with the last module's p; the
  authors' code then asks that module once more, at 0.002, and takes its K noise levels at equal distances of q.
- w weighs each picture's loss, as in the paper; in the authors' code (a transcription) all have the batch's mean weight.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, log
from statistics import NormalDist
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, LocalMethod, Partition, Task
from benchmark.errors import UserError

LEVELS = NormalDist(-1.2, 1.2)  # of log σ
SMALLEST, LARGEST = 0.002, 80.0  # σ
DATA = 0.5  # σ_d


class DiffusionBlocks(LocalMethod):
    title = "DiffusionBlocks"
    paper = "https://arxiv.org/abs/2506.14202"
    authors = "Shing, Koyama & Akiba"
    year = 2026
    citation = {
        "author": "Makoto Shing and Masanori Koyama and Takuya Akiba",
        "booktitle": "International Conference on Learning Representations",
    }
    defaults = {"gamma": 0.05, "steps": 1}
    recipe = {"optimizer": "adamw", "lr": 5e-4}
    tunes = {"gamma": (0.01, 0.5)}
    removes = ("forward", "update", "backward")
    requires = "transformer blocks in every module: tokens of one width to tokens, however many"
    everywhere = False

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        layouts = [unit.layout for unit in partition.unit_outputs[0]]
        self.stem_units = layouts.index("NLC") + 1 if "NLC" in layouts else len(layouts)
        super().__init__(partition, task, options)

    def auxiliary(self, k: int) -> nn.Module:
        tokens = self.unit_outputs[0][self.stem_units - 1]
        if tokens.layout != "NLC" or not _maps_tokens(self.blocks(k), *tokens.shape):
            raise UserError(f"DiffusionBlocks needs {self.requires}; module {k} of {len(self.modules)} is none of these.")
        head = _Head(tokens.channels, self.task.classes, tokens.prefix_tokens > 0) if k < self.last else nn.Identity()
        return _Noised(tokens.channels, self.task.classes, head)

    def blocks(self, k: int) -> nn.Sequential:
        """The units of module k between the stem and the backbone's classifier."""
        return self.modules[k][self.stem_units if k == 0 else 0 : -1 if k == self.last else None]

    def forward(self, k: int, h: Tensor) -> Tensor:
        """What goes on from module to module while they learn: the tokens of the stem, which is part of module 0."""
        return self.modules[0][: self.stem_units](h) if k == 0 else h

    def levels(self, k: int, steps: int = 1) -> list[float]:
        """σ_k down to σ_{k+1}, in steps of equal probability."""
        low, high = (LEVELS.cdf(log(sigma)) for sigma in (SMALLEST, LARGEST))
        shares = (1 - (k + step / steps) / len(self.modules) for step in range(steps + 1))
        return [exp(LEVELS.inv_cdf(low + share * (high - low))) for share in shares]

    def drawn(self, k: int, y: Tensor) -> Tensor:
        """σ (B,) for labels (B,): log-normal, from the module's interval and somewhat beyond."""
        high, low = self.levels(k)
        beyond = (high / low) ** self.options.gamma
        ends = [LEVELS.cdf(log(sigma)) for sigma in (max(low / beyond, SMALLEST), min(high * beyond, LARGEST))]
        share = torch.rand(len(y), dtype=torch.float64, device=y.device)
        return (LEVELS.mean + LEVELS.stdev * torch.special.ndtri(ends[0] + share * (ends[1] - ends[0]))).exp()

    def denoised(self, k: int, tokens: Tensor, z: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """D (B, L, C) and logits (B, classes) of module k, given tokens (B, L, C), z (B, C) and σ (B,)."""
        own, sigma = self.auxiliaries[k], sigma[:, None].to(z.dtype)
        skip, out, scale = preconditioning(sigma)
        token = scale * z + own.level(sigma.log() / 4)
        h = self.blocks(k)(torch.cat([tokens, token[:, None]], 1))[:, :-1]
        h = out[:, None] * h + (skip * z)[:, None]
        return h, self.modules[k][-1](h) if k == self.last else own.head(h)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        z, sigma = self.auxiliaries[k].labels()[batch.y], self.drawn(k, batch.y)
        noise = torch.randn_like(z)
        _, logits = self.denoised(k, h, z + sigma[:, None].to(z.dtype) * noise, sigma)
        weight = ((sigma**2 + DATA**2) / (sigma * DATA) ** 2).to(logits.dtype)
        return (weight * F.cross_entropy(logits, batch.y, reduction="none")).mean()

    def output_loss(self, h: Tensor, batch: Batch) -> Tensor:
        return self.local_loss(self.last, h, batch)

    def chain(self, x: Tensor) -> Iterator[Tensor]:
        tokens = self.forward(0, x)
        shares = tokens.new_zeros(len(x), self.task.classes)  # z of all modules in one: z = Σ_c shares_c u_c
        for k, own in enumerate(self.auxiliaries):
            for sigma, lower in pairwise(self.levels(k, self.options.steps)):
                h, logits = self.denoised(k, tokens, shares @ own.labels(), shares.new_full((len(x),), sigma))
                shares = shares + (lower - sigma) / sigma * (shares - logits.softmax(1))
            yield logits if k == self.last else h

    def deployed(self) -> Sequence[nn.Module]:
        return (self.modules, self.auxiliaries)


def preconditioning(sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """c_skip, c_out and c_in of Karras et al. (2022)."""
    both = sigma**2 + DATA**2
    return DATA**2 / both, sigma * DATA / both.sqrt(), 1 / both.sqrt()


def _maps_tokens(blocks: nn.Sequential, count: int, width: int) -> bool:
    """Whether there are blocks, and one token more goes in and comes out beside the others; tried on a copy."""
    try:
        with torch.no_grad():
            made = copy.deepcopy(blocks).eval()(torch.zeros(1, count + 1, width))
    except RuntimeError:  # of a layer for so many tokens and no others
        return False
    return len(blocks) > 0 and made.ndim == 3 and made.shape[2] == width


class _Noised(nn.Module):
    """What a module needs to denoise: embeddings of the labels and of the noise's strength, and a classifier."""

    def __init__(self, width: int, classes: int, head: nn.Module) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, width)
        self.level = nn.Sequential(nn.Linear(1, width), nn.GELU(), nn.Linear(width, width))
        self.head = head

    def labels(self) -> Tensor:
        """u (classes, C): of length one, else embeddings would collapse."""
        return F.normalize(self.embedding.weight, dim=1)


class _Head(nn.Module):
    """Norm, class token or mean, linear: (B, L, C) -> (B, classes)."""

    def __init__(self, width: int, classes: int, class_token: bool) -> None:
        super().__init__()
        self.norm, self.linear, self.class_token = nn.LayerNorm(width), nn.Linear(width, classes), class_token

    def forward(self, h: Tensor) -> Tensor:
        h = self.norm(h)
        return self.linear(h[:, 0] if self.class_token else h.mean(1))
