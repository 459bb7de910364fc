"""Zeroth order: gradients from differences of losses, of forward passes with and without noise.

``mezo``   Malladi, Gao, Nichani, Damian, Lee, Chen & Arora, "Fine-tuning language models with just forward passes",
           NeurIPS 2023: noise on weights (Spall's SPSA).
``node``   node perturbation: noise on activities, as in Ren et al., ICLR 2023 (``forward_gradient``), with a difference
           in place of the slope.

    mezo   g = ( L(θ + ε z) - L(θ - ε z) ) / (2 ε) · z,           z ~ N(0, I) over all weights, one draw a batch
    node   g_l = Σ_i x_l,i t_i u_l,iᵀ,   t_i = ( L_i(z + ε u) - L_i(z) ) / ε,   u ~ N(0, I) for each picture i

L: cross-entropy; z_l: what layer l puts out, x_l: what goes into it. Nothing but forward passes: the loss need not be
differentiable, errors go nowhere, and of ``mezo`` nothing is kept for a backward pass. The cut changes nothing. Noise
over so many numbers as a network has is a bad guess of its gradient: from scratch expect little. MeZO fine-tunes.

Departures: the authors change weights in place and draw z again from its seed, which saves a copy of the weights; here
it is kept. Dropout is off in all passes (as in their code), and BatchNorm keeps the batch's statistics, which
mixes pictures: a bias of ``node``. Running averages follow the first of the passes. ε is theirs, 10⁻³.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method, losses, on_copies_of_buffers, perturbation


class ZerothOrder(Method):
    title = "Zeroth-order optimisation"
    paper = "https://arxiv.org/abs/2305.17333"
    authors = "Malladi et al."
    year = 2023
    citation = {
        "author": (
            "Sadhika Malladi and Tianyu Gao and Eshaan Nichani and Alex Damian and Jason D. Lee and Danqi Chen and "
            "Sanjeev Arora"
        ),
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    family = "weakly modular"
    removes = ("backward",)
    cut_matters = False
    descends = False
    defaults = {"noise": "weights", "epsilon": 1e-3}
    variants = {"mezo": {"noise": "weights"}, "node": {"noise": "activities"}}

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        # of a difference so small bf16 would leave nothing
        with perturbation.without_dropout(self.modules), torch.autocast(batch.x.device.type, enabled=False):
            loss = self.by_activities(batch) if self.options.noise == "activities" else self.by_weights(batch)
        yield loss

    def by_weights(self, batch: Batch) -> Tensor:
        weights = perturbation.weights_of(self.modules)
        direction = [perturbation.noise(weight.value) for weight in weights]
        found = []
        for step in (self.options.epsilon, -self.options.epsilon):
            moved = [w.value.detach() + step * z for w, z in zip(weights, direction, strict=True)]
            with torch.no_grad(), perturbation.holding(weights, moved):
                found.append(self.losses_of(batch, again=step < 0).mean())
        slope = (found[0] - found[1]) / (2 * self.options.epsilon)
        pairs = [(weight.value, slope * z) for weight, z in zip(weights, direction, strict=True)]
        return losses.carrying((found[0] + found[1]) / 2, pairs)

    def by_activities(self, batch: Batch) -> Tensor:
        activities = perturbation.Activities(self.modules)
        with activities.plain():
            before = self.losses_of(batch).detach()
        with activities.shifted(self.options.epsilon):
            after = self.losses_of(batch, again=True)
        return losses.carrying(before.mean(), activities.pairs((after - before) / self.options.epsilon))

    def losses_of(self, batch: Batch, again: bool = False) -> Tensor:
        """The loss of each picture (B,); ``again``: statistics of BatchNorm are not to move once more."""
        if not again:
            return F.cross_entropy(self.predict(batch.x), batch.y, reduction="none")
        with on_copies_of_buffers(self.modules):
            return F.cross_entropy(self.predict(batch.x), batch.y, reduction="none")
