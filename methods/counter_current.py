"""Counter-current learning: a second network runs from the labels down, and the two are matched where they pass.

Kao & Hariharan, "Counter-current learning: a biologically plausible dual network approach for deep learning", NeurIPS
2024.

    a_k = f_k(sg a_{k-1}),   c_k = ELU( g_k(sg c_{k+1}) ),   c_K = all one-hot labels;   sg: stop-gradient
    L_k = w [ mse( A Cᵀ, 1[y_i = c] ) + ρ mse( A Aᵀ, I ) + ρ mse( C Cᵀ, I ) ],   k = 1 ... K - 1

A, C: the rows a_k of a batch's pictures and c_k of the classes, flattened and brought to length one. g_k mirrors module
k + 1: nearest upsampling, 3x3 convolution. L_k moves f_k and g_k alone: no error goes from layer to layer, in either
network. The feedback runs on one code for each class, so it costs next to nothing. The classifier learns by
cross-entropy. ρ = 0.5 is the authors'; note that its first term also parts pictures of one class.

No isolation is claimed, as c_k is made by the feedback weights of all modules above, if not by their gradients.

Departures:

- The pair of the picture and c_0 is left out: it would train a drawing of the mean of each class, which nothing uses.
- The authors' code drops pictures that the classifier has right by 0.9 (whatever its option for that says), centres
  gradients, clips them at 0.3 and takes SGD at a rate of 1; here training is the suite's, and w (theirs is 1) is tuned.
- A module is what the suite cuts, with its own normalisation and activations inside; their layers are convolutions
  with ELU and no normalisation, whose feedback has biases in one of their networks and none in the other; here it has.
  Matched are positions of a map: class tokens are not.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, Method, in_float32


class CounterCurrent(Method):
    title = "Counter-current learning"
    paper = "https://arxiv.org/abs/2409.19841"
    authors = "Kao & Hariharan"
    year = 2024
    citation = {
        "author": "Chia-Hsiang Kao and Bharath Hariharan",
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    family = "weakly modular"
    removes = ("update", "backward")
    defaults = {"weight": 1.0, "spread": 0.5}
    recipe = {
        "optimizer": "momentum", "lr": 1.0, "momentum": 0.8, "weight_decay": 1e-6, "batch": 128, "epochs": 100,
        "clip_norm": 0.3,
    }  # fmt: skip
    tunes = {"weight": (0.3, 30.0), "spread": [0.0, 0.5]}
    steps_early = True

    def auxiliary(self, k: int) -> nn.Module | None:
        return None if k == self.last else Feedback(self.outputs[k + 1], self.outputs[k])

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        codes = self.codes(batch.x)
        h = batch.x
        for k in range(self.last):
            h = self.modules[k](h)
            loss = meeting(self.outputs[k].as_map(h), codes.pop(), batch.y, self.options.spread)
            yield self.options.weight * loss
            h = h.detach()
        yield F.cross_entropy(self.modules[self.last](h), batch.y)

    def codes(self, x: Tensor) -> list[Tensor]:
        """c_k (classes, C, H, W) from the last hidden module down to the first, in the precision of ``x``."""
        code, found = torch.eye(self.task.classes, dtype=x.dtype, device=x.device)[:, :, None, None], []
        for k in reversed(range(self.last)):
            found.append(self.auxiliaries[k](code.detach()))
            code = found[-1]
        return found


class Feedback(nn.Module):
    """g: a map of what module k + 1 puts out -> one of what module k does."""

    def __init__(self, above: Features, below: Features) -> None:
        super().__init__()
        self.size = below.size
        self.conv = nn.Conv2d(above.channels, below.channels, 3, padding=1)

    def forward(self, code: Tensor) -> Tensor:
        return F.elu(self.conv(F.interpolate(code, size=self.size)))


@in_float32
def meeting(a: Tensor, c: Tensor, y: Tensor, spread: float) -> Tensor:
    """L_k without its weight, of pictures' maps (B, ...), classes' maps (classes, ...) and labels (B,)."""
    a, c = (F.normalize(v.flatten(1), dim=1) for v in (a, c))
    loss = F.mse_loss(a @ c.T, F.one_hot(y, len(c)).to(a.dtype))
    for v in (a, c):
        loss = loss + spread * F.mse_loss(v @ v.T, torch.eye(len(v), dtype=v.dtype, device=v.device))
    return loss
