"""Kolen-Pollack: errors go back through weights that learn what the forward weights learn, and so become them.

Akrout, Wilson, Humphreys, Lillicrap & Tweed, "Deep learning without weight transport", NeurIPS 2019, after Kolen &
Pollack, "Backpropagation without weight transport", 1994.

    δ_l = (B_{l+1} δ_{l+1}) ⊙ σ'(a_l);   Δ_l from δ_l h_{l-1}ᵀ, as the optimiser makes it;
    W_l ← (1 - λ)(W_l + Δ_l),   B_l ← (1 - λ)(B_l + Δ_lᵀ),   so   B_l - W_lᵀ  shrinks by 1 - λ a step

for every linear layer and convolution l. Both changes are made of what the synapse sees: no weight is transported.
All else is as in feedback alignment (``fa``): no lock is removed, and as this is by layer, the cut changes nothing.

B learns as a parameter of the auxiliary network: it is given the gradient of W, and the same optimiser.

Departures: λ is an option of this file, beside the weight decay of the recipe (the paper: the decay of the recipe,
which over a short training at a small rate brings B no nearer). The default is ours, for trainings of some hundred
steps. B starts as in ``fa``. The authors' released code has its decay at 1 where it is run, so that there B - W stays
as it began; the paper's equations 16 and 17 are followed here, which decay the changed weights, (1 - λ)(W + Δ), where
that code, were it run, decays them before the change, (1 - λ) W + Δ.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, feedback


class KolenPollack(Method):
    title = "Kolen-Pollack"
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
    defaults = {"decay": 0.01}
    tunes = {"decay": (1e-3, 0.1)}

    def auxiliary(self, k: int) -> nn.Module | None:
        return feedback.FeedbackWeights(feedback.weighted_layers(self.modules[k]), learned=True)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        with feedback.through(feedback.weighted_layers(*self.modules), self.auxiliaries.parameters()):
            logits = self.predict(batch.x)
        yield F.cross_entropy(logits, batch.y)

    @torch.no_grad()
    def after_step(self, k: int) -> None:
        """Let W and B decay alike."""
        layers = feedback.weighted_layers(self.modules[k])
        for layer, back in zip(layers, self.auxiliaries[k].parameters(), strict=True):
            if layer.weight.requires_grad:
                layer.weight.mul_(1 - self.options.decay)
                back.mul_(1 - self.options.decay)
