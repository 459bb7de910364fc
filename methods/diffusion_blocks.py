"""DiffusionBlocks: every module removes noise of its own strength from the label's embedding, beside the picture.

Shing, Koyama & Akiba, "DiffusionBlocks: block-wise neural network training via diffusion interpretation", ICLR 2026.
Noise has log σ ~ N(-1.2, 1.2²) on [0.002, 80], and K modules share it in equal probability, the largest first:

    σ_k = exp( -1.2 + 1.2 Φ⁻¹(q_k) ),   q_k in K equal steps from Φ((log 80 + 1.2) / 1.2) to Φ((log 0.002 + 1.2) / 1.2)
    L_k = w(σ) CE( a_k(D_k), y ),   w = (σ² + σ_d²) / (σ σ_d)²,   σ_d = 0.5,   z = u_y + σ ε,   |u_y| = 1
    D_k = c_skip z + c_out f_k( s, c_in z + e_k(log σ / 4) ),   s = stop-gradient(tokens of the picture)
    c_skip = σ_d² / (σ² + σ_d²),   c_out = σ σ_d / √(σ² + σ_d²),   c_in = 1 / √(σ² + σ_d²)

σ is drawn from [σ_{k+1}, σ_k], either side widened by ``gamma`` of its logarithmic length. f_k are the module's blocks
on the tokens and one more, of the label, behind them; a_k is the backbone's own norm, pooling and classifier in the
output module, else a norm and a linear layer, which stay in the deployed network. Prediction, from z = 0 and σ_0 = 80:

    z ← z + (σ' - σ) / σ · ( z - Σ_c p_c u_c ),   p = softmax( a_k(D_k) ),   ``steps`` times from σ_k to σ_{k+1}

While they learn, modules wait for the stem's tokens alone (all that is before the first block), not for one another.

Departures:

- The stem belongs to module 0 and learns by its loss, and each module has its own u and classifier; in the paper all
  blocks train one of each. All modules learn at each step, where the paper draws one.
- σ enters each of the paper's blocks by AdaLN, which would change the backbone; here e_k, a perceptron, is added to z.
- D_k is normalised, with z in every token, as norm, pooling and classifier are one unit of the backbone; the paper's
  norm is before D_k. Classifiers read the class token, or the mean where there is none; in the authors' code the
  label's token stands in the class token's place, and is itself read.
- z begins as the mean of its first draw: a picture has one prediction. It ends with the p of the last step; the
  authors' code spreads K levels over all q, ends with one at 0.002, and predicts with u of any length.
- L_k is divided by the mean of w over its interval (some 500 for the last of three), which AdamW does not feel. w
  weighs each picture, as in the paper; the authors' code (as copies of it show) weighs all by the batch's mean of w.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
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
            raise UserError(f"DiffusionBlocks needs {self.requires}; module {k} of {len(self.modules)} has none.")
        width, classes = tokens.channels, self.task.classes
        parts = {
            "label": nn.Embedding(classes, width),
            "level": nn.Sequential(nn.Linear(1, width), nn.GELU(), nn.Linear(width, width)),
        }
        if k != self.last:
            parts["head"] = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        return nn.ModuleDict(parts)

    def blocks(self, k: int) -> nn.Sequential:
        """The units of module k between the stem and the backbone's classifier."""
        return self.modules[k][self.stem_units if k == 0 else 0 : -1 if k == self.last else None]

    def forward(self, k: int, h: Tensor) -> Tensor:
        """What goes on from module to module while they learn: the tokens of the stem, which is part of module 0."""
        return self.modules[0][: self.stem_units](h) if k == 0 else h

    def level(self, k: float) -> float:
        """σ_k, from the largest, k = 0, to the smallest, k = K."""
        high, low = (LEVELS.cdf(log(sigma)) for sigma in (LARGEST, SMALLEST))
        return exp(LEVELS.inv_cdf(high + k / len(self.modules) * (low - high)))

    def interval(self, k: int) -> tuple[float, float]:
        """The least and the largest log σ that module k learns from: its own, and somewhat beyond."""
        high, low = log(self.level(k)), log(self.level(k + 1))
        beyond = self.options.gamma * (high - low)
        return max(low - beyond, log(SMALLEST)), min(high + beyond, log(LARGEST))

    def drawn(self, k: int, count: int, device: torch.device) -> Tensor:
        """σ (count,) of module k."""
        low, high = map(LEVELS.cdf, self.interval(k))
        shares = torch.rand(count, dtype=torch.float64, device=device)
        return (LEVELS.mean + LEVELS.stdev * torch.special.ndtri(low + shares * (high - low))).exp()

    def mean_weight(self, k: int) -> float:
        """Of w = σ⁻² + σ_d⁻² over the module's interval, for log σ ~ N(m, s²): E σ⁻² has N(m - 2 s², s²) inside."""
        low, high = self.interval(k)
        shifted = NormalDist(LEVELS.mean - 2 * LEVELS.variance, LEVELS.stdev)
        inside, shifted_inside = (of.cdf(high) - of.cdf(low) for of in (LEVELS, shifted))
        return exp(2 * LEVELS.variance - 2 * LEVELS.mean) * shifted_inside / inside + DATA**-2

    def embeddings(self, k: int) -> Tensor:
        """u (classes, C), each of length one: embeddings of any length collapse."""
        return F.normalize(self.auxiliaries[k]["label"].weight, dim=1)

    def denoised(self, k: int, tokens: Tensor, z: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """D (B, L, C) and logits (B, classes) of module k, of tokens (B, L, C), z (B, C) and σ (B,)."""
        own, sigma = self.auxiliaries[k], sigma[:, None].to(z.dtype)
        skip, out, scale = preconditioning(sigma)
        label = scale * z + own["level"](sigma.log() / 4)
        h = self.blocks(k)(torch.cat([tokens, label[:, None]], 1))[:, :-1]
        h = out[:, None] * h + (skip * z)[:, None]
        if k == self.last:
            return h, self.modules[k][-1](h)
        return h, own["head"](h[:, 0] if self.outputs[k].prefix_tokens else h.mean(1))

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        clean, sigma = self.embeddings(k)[batch.y], self.drawn(k, len(batch), h.device)
        noise = torch.randn_like(clean)
        _, logits = self.denoised(k, h, clean + sigma[:, None].to(noise.dtype) * noise, sigma)
        weight = (sigma**-2 + DATA**-2) / self.mean_weight(k)
        return (weight.to(logits.dtype) * F.cross_entropy(logits, batch.y, reduction="none")).mean()

    def output_loss(self, h: Tensor, batch: Batch) -> Tensor:
        return self.local_loss(self.last, h, batch)

    def chain(self, x: Tensor) -> Iterator[Tensor]:
        tokens, steps = self.forward(0, x), self.options.steps
        shares = tokens.new_zeros(len(x), self.task.classes)  # of z = Σ_c shares_c u_c, whosever u
        for k in range(len(self.modules)):
            for step in range(steps):
                sigma, lower = self.level(k + step / steps), self.level(k + (step + 1) / steps)
                h, logits = self.denoised(k, tokens, shares @ self.embeddings(k), shares.new_full((len(x),), sigma))
                shares = shares + (lower - sigma) / sigma * (shares - logits.softmax(1))
            yield logits if k == self.last else h

    def deployed(self) -> Sequence[nn.Module]:
        return (self.modules, self.auxiliaries)


def preconditioning(sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """c_skip, c_out and c_in (Karras et al. 2022)."""
    both = sigma**2 + DATA**2
    return DATA**2 / both, sigma * DATA / both.sqrt(), 1 / both.sqrt()


def _maps_tokens(blocks: nn.Sequential, count: int, width: int) -> bool:
    """Whether there are blocks, and they take one token more and hand it on; tried on a copy."""
    try:
        with torch.no_grad():
            made = copy.deepcopy(blocks).eval()(torch.zeros(1, count + 1, width))
    except RuntimeError:  # of a layer for so many tokens and no others
        return False
    return len(blocks) > 0 and made.ndim == 3 and made.shape[2] == width
