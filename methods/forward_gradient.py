"""Forward gradient: the loss's slope along a random direction, from a forward pass alone, times that direction.

Baydin, Pearlmutter, Syme, Wood & Torr, "Gradients without backpropagation", 2022 (``fg_w``); with noise on activities,
Ren, Kornblith, Liao & Hinton, "Scaling forward gradient with local losses", ICLR 2023 (``fg_a``).

    fg_w   g = (∇L · v) v,               v ~ N(0, I) over all weights, one draw a batch
    fg_a   g_l = Σ_i x_l,i t_i u_l,iᵀ,    t_i = Σ_l ∇_{z_l} L_i · u_l,i,    u ~ N(0, I) for each picture i

L: cross-entropy; x_l and z_l: what goes into layer l and what it puts out. The slopes are tangents of forward-mode
differentiation: there is no backward pass, and errors go nowhere. Both estimates are unbiased; their variance grows
with the number of weights (``fg_w``) or of activities (``fg_a``), so neither trains a deep network to backpropagation's
accuracy. The cut changes nothing: it is trained at K = 1. ``local_forward_gradient`` is the same with local losses.

Departures: layers are all parts with weights, normalisations, too; weights of no layer (position embeddings) have noise
of their own. t_i is the tangent of a picture's own loss, which leaves out that a BatchNorm mixes pictures: with one,
``fg_a`` is biased by that much. Ren et al. add noise behind a layer norm without weights, which has its own gradient,
and none to units that a ReLU has shut; their classifier has its own gradient, too; here all of these have noise.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.forward_ad import make_dual, unpack_dual

from benchmark import Batch, Method, losses, perturbation


class ForwardGradient(Method):
    title = "Forward gradient"
    paper = "https://arxiv.org/abs/2202.08587"
    authors = "Baydin, Pearlmutter, Syme, Wood & Torr; Ren et al."
    year = 2022
    citation = {
        "author": ("Atılım Güneş Baydin and Barak A. Pearlmutter and Don Syme and Frank Wood and Philip Torr"),
        "journal": "arXiv preprint arXiv:2202.08587",
    }
    family = "weakly modular"
    removes = ("backward",)
    cut_matters = False
    descends = False
    defaults = {"noise": "activities"}
    variants = {"fg_a": {"noise": "activities"}, "fg_w": {"noise": "weights"}}

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        with perturbation.tangents():
            loss = self.by_activities(batch) if self.options.noise == "activities" else self.by_weights(batch)
        yield loss

    def by_activities(self, batch: Batch) -> Tensor:
        activities = perturbation.Activities(self.modules)
        with activities.dual():
            value, slopes = unpack_dual(F.cross_entropy(self.predict(batch.x), batch.y, reduction="none"))
        return losses.carrying(value.detach().mean(), activities.pairs(slopes))

    def by_weights(self, batch: Batch) -> Tensor:
        weights = perturbation.weights_of(self.modules)
        direction = [perturbation.noise(weight.value) for weight in weights]
        moving = [make_dual(weight.value.detach(), v) for weight, v in zip(weights, direction, strict=True)]
        with torch.no_grad(), perturbation.holding(weights, moving):
            value, slope = unpack_dual(F.cross_entropy(self.predict(batch.x), batch.y))
        return losses.carrying(value, [(w.value, slope * v) for w, v in zip(weights, direction, strict=True)])
