"""Dual propagation: each unit has two states, pushed apart by the error; their difference is learned from.

Høier, Staudt & Zach, "Dual propagation: Accelerating contrastive Hebbian learning with dyadic neurons", ICML 2023, in
the form that is stable for every α, of Høier & Zach, "Two tales of single-phase contrastive Hebbian learning", ICML
2024.

    s̄_k = α s⁺_k + (1 - α) s⁻_k,   a_k = g_k(s̄_{k-1}),   s̄_0 = x
    from the top, once:  δ_K = s⁺_K - s⁻_K = -β ∂L/∂a_K,   e_k = (∂a_{k+1}/∂s̄_k)ᵀ δ_{k+1}
                         s⁺_k = σ(a_k + (1 - α) e_k),   s⁻_k = σ(a_k - α e_k),   δ_k = s⁺_k - s⁻_k
    w_k learns   min  -⟨a_k(s̄_{k-1}), δ_k⟩ / β

L: cross-entropy by picture, at the plain forward pass, from which all states begin; σ∘g_k is module k. Where no σ bends
between s⁺ and s⁻ this is backpropagation, so it is for β → 0; else the difference of two states stands for σ'.
Errors come down module by module, so no lock is removed; it costs one more forward pass than backpropagation.

Departures: a module is what the suite cuts, σ is the ReLU that it ends in (none: the identity), and inside it true
gradients flow; the paper makes every layer of a VGG without normalisation one. Of their ways to infer states this is
the single sweep from the top. BatchNorm's averages follow the forward pass; dropout draws anew in the one that learns.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method, before_relu, losses, on_copies_of_buffers


class DualPropagation(Method):
    title = "Dual propagation"
    paper = "https://arxiv.org/abs/2302.01228"
    authors = "Høier, Staudt & Zach; Høier & Zach"
    year = 2023
    citation = {
        "author": "Rasmus Høier and D. Staudt and Christopher Zach",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    family = "weakly modular"
    defaults = {"alpha": 0.5, "beta": 0.1}
    tunes = {"beta": (0.01, 10.0)}
    # of their code, for a VGG-16 on CIFAR-10
    recipe = {
        "optimizer": "momentum",
        "lr": 0.025,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "batch": 100,
        "epochs": 130,
        "warmup_epochs": 10,
    }

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        inputs, before, bends = [batch.x], [], []
        for module in self.modules:
            # a view: counters of FLOPs hang hooks on what enters a module, and autograd.grad refuses them on leaves
            a, bent = before_relu(module, inputs[-1].view_as(inputs[-1]))
            before.append(a), bends.append(bent)
            inputs.append(self.state(a, bent).detach().requires_grad_())
        error = F.cross_entropy(before[-1], batch.y)
        (slope,) = torch.autograd.grad(error, before[-1], retain_graph=True)
        delta, error = -self.options.beta * len(batch) * slope, error.detach()
        for k in reversed(range(1, len(before))):
            (e,) = torch.autograd.grad(before[k], inputs[k], delta)
            plus = self.state(before[k - 1].detach() + (1 - self.options.alpha) * e, bends[k - 1])
            minus = self.state(before[k - 1].detach() - self.options.alpha * e, bends[k - 1])
            with on_copies_of_buffers(self.modules[k]):
                a, _ = before_relu(self.modules[k], self.options.alpha * plus + (1 - self.options.alpha) * minus)
            yield self.learned(error, a, delta)
            delta = plus - minus
        yield self.learned(error, before[0], delta)

    def learned(self, error: Tensor, a: Tensor, delta: Tensor) -> Tensor:
        return losses.carrying(error, [(a, -delta / (self.options.beta * len(a)))])

    @staticmethod
    def state(a: Tensor, bent: bool) -> Tensor:
        return a.relu() if bent else a
