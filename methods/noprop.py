"""NoProp: every module learns to denoise the label, at a noise level of its own; nothing is propagated in training.

Li, Teh & Pascanu, "NoProp: training neural networks without full back-propagation or full forward-propagation", CoLLAs
2025; the discrete-time variant. With T modules, t = 1 ... T, and u_y the one-hot label:

    ᾱ_t = sin²( π t / (2T + 2) ),   SNR(t) = ᾱ_t / (1 - ᾱ_t),   z_{t-1} ~ N( √ᾱ_{t-1} u_y, (1 - ᾱ_{t-1}) I )
    L_t = η/2 ( SNR(t) - SNR(t-1) ) |û_t(h_t, z_{t-1}) - u_y|²,   û_t = Σ_c p_c u_c,   p = softmax( A_t(h_t, z_{t-1}) )

Training draws z_{t-1} from the label. Prediction has to make it, from noise (ᾱ_0 = 0) and the modules before:

    z_t = a_t û_t + b_t z_{t-1},   α = ᾱ_{t-1} / ᾱ_t
    a_t = √ᾱ_t (1 - α) / (1 - ᾱ_{t-1}),   b_t = √α (1 - ᾱ_t) / (1 - ᾱ_{t-1})
    log p(y) = √ᾱ_T z_T·u_y / (1 - ᾱ_T) + const,   as  z_T ~ N( √ᾱ_T u_y, (1 - ᾱ_T) I )

A_t: global average of h_t beside z, linear to ``width``, ReLU, linear. It stays in the deployed network.

Departures:

- In the paper each block is a network of its own on the picture, so that no forward pass is needed either. Here the
  blocks are one backbone's modules, h_t = f_t(stop-gradient(h_{t-1})): features come up the chain, labels do not.
- Prediction takes the mean of each step, where the paper adds noise of variance c_t: a picture has one prediction.
- u is fixed, one of the paper's choices; it also learns u, or takes pictures for it. So the class can be read off z_T
  by its distances to the √ᾱ_T u, the paper's alternative to a linear layer that learns to.
- The paper's T times the mean over t is the sum of the L_t. The third party's code that these gradients were compared
  with has the factor T in each, and the mean over the C numbers of u: T/C times L_t.
- The exact cosine was in no source at hand (the equations above come from a public transcription); this one begins at
  no signal and leaves z_T a little noise.
"""

from collections.abc import Sequence
from math import pi, sin, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, heads


class NoProp(LocalMethod):
    title = "NoProp"
    paper = "https://arxiv.org/abs/2503.24322"
    authors = "Li, Teh & Pascanu"
    year = 2025
    citation = {
        "author": "Qinyu Li and Yee Whye Teh and Razvan Pascanu",
        "booktitle": "Conference on Lifelong Learning Agents (CoLLAs)",
    }
    defaults = {"eta": 0.1, "width": 128}
    tunes = {"eta": (0.03, 3.0)}

    def auxiliary(self, k: int) -> nn.Module:
        return Denoiser(self.outputs[k], self.task.classes, self.options.width)

    def signal(self, t: int) -> float:
        """ᾱ_t, the share of the signal in z_t's variance; module k takes z_k to z_{k+1}."""
        return sin(pi * t / (2 * len(self.modules) + 2)) ** 2

    def noised(self, y: Tensor, t: int) -> Tensor:
        """A draw of z_t (B, classes) for labels (B,)."""
        u = F.one_hot(y, self.task.classes).float()
        return sqrt(self.signal(t)) * u + sqrt(1 - self.signal(t)) * torch.randn_like(u)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        before, after = (s / (1 - s) for s in (self.signal(k), self.signal(k + 1)))
        guess = self.auxiliaries[k](h, self.noised(batch.y, k))
        distance = (guess - F.one_hot(batch.y, self.task.classes)).square().sum(1).mean()
        return self.options.eta / 2 * (after - before) * distance

    def output_loss(self, h: Tensor, batch: Batch) -> Tensor:
        return self.local_loss(self.last, h, batch)

    def predict(self, x: Tensor) -> Tensor:
        z = x.new_zeros(len(x), self.task.classes)
        for k, h in enumerate(self.chain(x)):
            a, b = self.step(k)
            z = a * self.auxiliaries[k](h, z) + b * z
        clean = self.signal(len(self.modules))
        return sqrt(clean) / (1 - clean) * z

    def step(self, k: int) -> tuple[float, float]:
        """a and b of the step from z_k to z_{k+1}."""
        before, after = self.signal(k), self.signal(k + 1)
        kept = before / after
        return sqrt(after) * (1 - kept) / (1 - before), sqrt(kept) * (1 - after) / (1 - before)

    def deployed(self) -> Sequence[nn.Module]:
        return (self.modules, self.auxiliaries)


class Denoiser(heads.Head):
    """û: features (B, ...) and z (B, classes) -> (B, classes)."""

    def __init__(self, features: Features, classes: int, width: int) -> None:
        super().__init__(features)
        inputs = features.channels + classes
        self.guess = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, classes))

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        seen = torch.cat([heads.global_average(self.features.as_map(h)), z.to(h.dtype)], 1)
        return self.guess(seen).float().softmax(1)
