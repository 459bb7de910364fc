"""Feedback alignment: backpropagation in which errors go back through fixed random weights.

Lillicrap, Cownden, Tweed & Akerman, "Random synaptic feedback weights support error backpropagation for deep
learning", Nature Communications 7, 2016.

    δ_l = (B_{l+1} δ_{l+1}) ⊙ σ'(a_l)   in place of   δ_l = (W_{l+1}ᵀ δ_{l+1}) ⊙ σ'(a_l);   W_l moves along δ_l h_{l-1}ᵀ

for every linear layer and convolution l. B is drawn once and never trained; the forward pass, and the gradient of
each layer's own weights given its δ, are those of backpropagation, as is what passes through all else (norms,
activations, attention, shortcuts). Weights need not be transported back, but errors still pass through every layer in
turn, so no lock is removed, and memory and time are those of backpropagation.

This is by layer, as in the paper, and the cut changes nothing: it is trained at K = 1. By module it would be
another method: were δ_k = B_{k+1} δ_{k+1} for the outputs of modules, without the derivatives inside them, every δ_k
would be a fixed linear map of the output error, which is direct feedback alignment (``dfa``) with products of
matrices for its B_k.

Departures: B is normal, of the same root mean square as the layer's weights when training starts, so that signals
keep the size that they have in backpropagation (the paper: uniform, one range for its small perceptrons).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, feedback


class FA(Method):
    title = "Feedback alignment"
    paper = "https://doi.org/10.1038/ncomms13276"
    authors = "Lillicrap, Cownden, Tweed & Akerman"
    year = 2016
    citation = {
        "author": "Timothy P. Lillicrap and Daniel Cownden and Douglas B. Tweed and Colin J. Akerman",
        "journal": "Nature Communications",
    }
    family = "weakly modular"
    cut_matters = False
    requires = "plain linear layers and convolutions"

    def auxiliary(self, k: int) -> nn.Module | None:
        return feedback.FeedbackWeights(feedback.weighted_layers(self.modules[k]))

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        with self.random_feedback():
            logits = self.predict(batch.x)
        yield F.cross_entropy(logits, batch.y)

    def random_feedback(self) -> AbstractContextManager[None]:
        """Inside, what runs forward goes backward through the fixed random weights."""
        return feedback.through(feedback.weighted_layers(*self.modules), self.auxiliaries.buffers())
