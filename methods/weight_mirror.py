"""Weight mirrors: errors go back through weights that are learned from noise, sent forward between training steps.

Akrout, Wilson, Humphreys, Lillicrap & Tweed, "Deep learning without weight transport", NeurIPS 2019.

    engaged   δ_l = (B_{l+1} δ_{l+1}) ⊙ σ'(a_l);   W_l moves along δ_l h_{l-1}ᵀ
    mirror    x ~ N(0, I),  y = W_l x,   B_l ← (1 - ρ) B_l + ρ E[x yᵀ],   and   E[x yᵀ] = W_lᵀ

for every linear layer and convolution l (x: one receptive field of it), E over ``noise`` draws, after each step. A
layer's mirror sees what goes into the layer and what comes out: no weight is transported. All else is as in feedback
alignment (``fa``): no lock is removed, and as this is by layer, the cut changes nothing.

Departures: the authors add η x yᵀ to B and scale B afterwards, "to prevent feedback weights growing too large" (in
their released code the scaled one is thrown away); a moving average has W as its fixed point without. They let a
sigmoid act on W x + b, here W alone is mirrored, by noise of its own for each layer as in their code (theirs uniform
and small). B starts as in ``fa``, theirs after an epoch of noise. ρ is ours: a twentieth follows W within some twenty
steps, and ``noise`` = 128 is their batch.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, feedback


class WeightMirror(Method):
    title = "Weight mirrors"
    paper = "https://arxiv.org/abs/1904.05391"
    authors = "Akrout, Wilson, Humphreys, Lillicrap & Tweed"
    year = 2019
    citation = {
        "author": (
            "Mohamed Akrout and Collin Wilson and Peter C. Humphreys and Timothy P. Lillicrap and Douglas B. Tweed"
        ),
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    family = "weakly modular"
    cut_matters = False
    requires = "plain linear layers and convolutions"
    defaults = {"rho": 0.05, "noise": 128}
    tunes = {"rho": (0.01, 0.3)}

    def auxiliary(self, k: int) -> nn.Module | None:
        return feedback.FeedbackWeights(feedback.weighted_layers(self.modules[k]))

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        with feedback.through(feedback.weighted_layers(*self.modules), self.auxiliaries.buffers()):
            logits = self.predict(batch.x)
        yield F.cross_entropy(logits, batch.y)

    @torch.no_grad()
    def after_step(self, k: int) -> None:
        """Mirror mode: noise goes through each layer of the module."""
        for layer, back in zip(feedback.weighted_layers(self.modules[k]), self.auxiliaries[k].buffers(), strict=True):
            weight = layer.weight.flatten(1)
            x = torch.randn(self.options.noise, weight.shape[1], dtype=weight.dtype, device=weight.device)
            back.lerp_(((x @ weight.T).T @ x / len(x)).view_as(back), self.options.rho)
