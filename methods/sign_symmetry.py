"""Sign symmetry: backpropagation in which errors go back through weights of the right signs and other sizes.

Liao, Leibo & Poggio, "How important is weight symmetry in backpropagation?", AAAI 2016. That ``usf`` trains ImageNet is
of Xiao, Chen, Liao & Poggio, "Biologically-plausible learning algorithms can scale to large datasets", ICLR 2019.

    δ_l = (B_{l+1} δ_{l+1}) ⊙ σ'(a_l),   for every linear layer and convolution l, with

    usf    B = s sign(W)        uniform sign-concordant feedback
    frsf   B = |R| ⊙ sign(W)    fixed random magnitudes
    brsf   B = |R| ⊙ sign(W)    magnitudes drawn anew for each batch

All else is as in feedback alignment (``fa``), so no lock is removed, memory and time are those of backpropagation, and
as this is by layer, the cut changes nothing. A sign is transported, one bit a weight; a weight of zero passes nothing.

Departures: s, and the root mean square of R (normal), are that of the layer's weights when training starts, as in
``fa``; for Xavier's weights that is the scale that the implementation of biotorch gives, and Liao et al. have
Batch Manhattan updates beside it, which are an optimiser of its own.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Method, feedback


class SignSymmetry(Method):
    title = "Sign symmetry"
    paper = "https://arxiv.org/abs/1510.05067"
    authors = "Liao, Leibo & Poggio"
    year = 2016
    citation = {
        "author": "Qianli Liao and Joel Z. Leibo and Tomaso Poggio",
        "booktitle": "AAAI Conference on Artificial Intelligence",
    }
    family = "weakly modular"
    cut_matters = False
    requires = "plain linear layers and convolutions"
    defaults = {"magnitude": "uniform"}
    variants = {"usf": {"magnitude": "uniform"}, "frsf": {"magnitude": "fixed"}, "brsf": {"magnitude": "drawn"}}
    # of biotorch, for a ResNet-20 on CIFAR-10
    recipe = {
        "optimizer": "momentum",
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "batch": 128,
        "epochs": 250,
        "schedule": "steps",
        "milestones": [0.4, 0.6, 0.8],
        "gamma": 0.1,
    }

    def auxiliary(self, k: int) -> nn.Module | None:
        return Magnitudes(feedback.weighted_layers(self.modules[k]), fixed=self.options.magnitude == "fixed")

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        layers = feedback.weighted_layers(*self.modules)
        with feedback.through(layers, map(self.feedback, layers, self.auxiliaries.buffers())):
            logits = self.predict(batch.x)
        yield F.cross_entropy(logits, batch.y)

    def feedback(self, layer: nn.Module, magnitude: Tensor) -> Tensor:
        """B of a layer, shaped like its weights."""
        if self.options.magnitude == "drawn":
            magnitude = magnitude * torch.randn_like(layer.weight).abs()
        return magnitude * layer.weight.detach().sign()


class Magnitudes(nn.Module):
    """For each layer the root mean square of its weights, or, ``fixed``, random numbers of that size without signs."""

    def __init__(self, layers: list[nn.Module], fixed: bool) -> None:
        super().__init__()
        for i, layer in enumerate(layers):
            weight = layer.weight.detach()
            size = weight.square().mean().sqrt()
            self.register_buffer(str(i), size * torch.randn_like(weight).abs() if fixed else size)
