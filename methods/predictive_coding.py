"""Predictive coding: activities settle between what is predicted of them from below and what they are to predict above.

Whittington & Bogacz, "An approximation of the error backpropagation algorithm in a predictive coding network with local
Hebbian synaptic plasticity", Neural Computation 2017 (``pc``). Incremental: Salvatori et al., ICLR 2024 (``ipc``).
Centred nudging: Pinchetti et al., "Benchmarking predictive coding networks - made simple", ICLR 2025 (``cn``).

    F(z, w) = Σ_{k<K} ½ |z_k - f_k(z_{k-1})|² + β CE( f_K(z_{K-1}), y ),   z_0 = x, by picture

    inference   z_k ← f_k(z_{k-1}) by a forward pass, then T times  z_k ← z_k - γ ∂F/∂z_k
    learning    w_k moves along ∂F/∂w_k / β, of z_{k-1} and z_k alone

    pc    β = 1        ipc   β = 1, learning at each of the T steps        cn   β = ±``nudge``, either sign by chance

At the minimum of F, and for a small β, ∂F/∂w_k / β is backpropagation's gradient. There is no backward pass, but errors
still come down, a module a step, by the Jacobians of the modules above, so no lock is removed and an update hangs on
weights above it; it costs T forward passes and as many products with Jacobians.

Departures: a module is what the suite cuts, with true gradients inside, where the papers make every layer one. In
``ipc`` the gradients of the T steps are added and the optimiser steps once a batch (the paper: T times). In ``cn`` the
sign of the nudge is drawn for each batch, where theirs alternates, and β weighs the cross-entropy, where theirs clamps
the output to u - β (u - y) under a squared error, u its prediction. T, γ and the nudge are ours; the papers search
them. BatchNorm keeps the batch's statistics in inference; its averages follow the forward pass.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method, in_float32, on_copies_of_buffers


class PredictiveCoding(Method):
    title = "Predictive coding"
    paper = "https://doi.org/10.1162/NECO_a_00949"
    authors = "Whittington & Bogacz; Salvatori et al.; Pinchetti et al."
    year = 2017
    citation = {"author": "James C. R. Whittington and Rafal Bogacz", "journal": "Neural Computation"}
    family = "weakly modular"
    defaults = {"steps": 8, "gamma": 0.1, "nudge": 1.0, "centred": False, "incremental": False}
    variants = {
        "pc": {"nudge": 1.0, "centred": False, "incremental": False},
        "cn": {"nudge": 0.1, "centred": True, "incremental": False},
        "ipc": {"nudge": 1.0, "centred": False, "incremental": True},
    }
    tunes = {"gamma": (0.01, 1.0)}

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        with torch.no_grad():
            *states, _ = self.passed(batch.x)
        lowest, nudge = states[:1], self.nudge(batch)
        for step in range(self.options.steps):
            states = self.inferred(states, lowest, batch, nudge)
            if self.options.incremental or step == self.options.steps - 1:
                yield from self.errors(states, batch, nudge)

    def nudge(self, batch: Batch) -> Tensor:
        """β, a tensor of no dimension."""
        size = torch.full((), self.options.nudge, device=batch.x.device)
        return size * (1 - 2 * torch.randint(2, (), device=batch.x.device)) if self.options.centred else size

    def inferred(self, states: list[Tensor], lowest: list[Tensor], batch: Batch, nudge: Tensor) -> list[Tensor]:
        """One step of all z_k down the energy; ``lowest``: what module 0 predicts, which does not change."""
        states = [z.detach().requires_grad_() for z in states]
        if not states:
            return states
        # views: counters of FLOPs hang hooks on what enters a module, and autograd.grad refuses them on leaves
        predicted = [*lowest, *(self.predicted(k, z.view_as(z)) for k, z in enumerate(states, start=1))]
        energy = nudge * F.cross_entropy(predicted.pop(), batch.y, reduction="sum")
        for z, mean in zip(states, predicted, strict=True):
            energy = energy + 0.5 * (z - mean).square().sum()
        slopes = torch.autograd.grad(energy, states)
        return [(z - self.options.gamma * slope).detach() for z, slope in zip(states, slopes, strict=True)]

    def errors(self, states: list[Tensor], batch: Batch, nudge: Tensor) -> Iterator[Tensor]:
        """The energy's terms, each of its own module's weights alone."""
        for k, (below, z) in enumerate(zip([batch.x, *states], [*states, None], strict=True)):
            mean = self.predicted(k, below)
            if z is None:
                yield F.cross_entropy(mean, batch.y)
            else:
                yield 0.5 * (mean - z).square().sum() / (nudge * len(batch))

    @in_float32  # as is all of it: predictions and activities lie closer than bf16 tells apart
    def passed(self, x: Tensor) -> list[Tensor]:
        return list(self.chain(x))

    @in_float32
    def predicted(self, k: int, below: Tensor) -> Tensor:
        with on_copies_of_buffers(self.modules[k]):
            out: Tensor = self.modules[k](below)
        return out
