"""Block coordinate descent: outputs and weights are variables, set one block after the other from the top down.

Zeng, Lau, Lin & Yao, "Global convergence of block coordinate descent in deep learning", ICML 2019; three-way splitting.

    minimise over w, U, V    Σ_n CE(V_K, y) + γ/2 Σ_k |V_k - σ(U_k)|² + ρ/2 Σ_k |U_k - g_k(V_{k-1})|²,   V_0 = x

σ∘g_k is module k, σ the ReLU that it ends in (none: the identity). A sweep, from where the forward pass leaves U and V:

    V_K ← U_K - ∂CE/∂U_K / (γ + α),   V_k ← V_k + ρ/(γ + ρ) Jᵀ(U_{k+1} - g_{k+1}(V_k)),   J = ∂g_{k+1}/∂V_k
    U_k ← argmin_U   γ/2 |V_k - σ(U)|² + (ρ + α)/2 |U - g_k(V_{k-1})|²,   in closed form
    w_k moves along  min  s_k/B Σ_n |U_k - g_k(V_{k-1})|²/2,   s_k = |∂CE/∂V_{K-1}| / |U_k - g_k(V_{k-1})|

α weighs the proximal term that holds a block to its old value; γ = ρ = 1 and α = 5 are of the authors' code. Where no σ
bends, each update has backpropagation's direction. Unlike a gradient, U can cross the ReLU's bend and wake a silent
unit. Blocks wait for those above, so no lock is removed; it costs what backpropagation costs.

Departures:

- The authors keep U and V of the whole data set, and have layers for modules, no batches and no normalisation. Here a
  batch begins at its forward pass, and takes one sweep.
- V_k and w_k have closed forms where g_k is a matrix. Here V_k is a gradient step (the closed form, where JᵀJ = 1), V_K
  the paper's prox-linear one for another loss than squared error, and w_k a step of the suite's optimiser, once the
  sweep is over, so blocks below see the old w_k.
- s_k, a constant to the optimiser: errors shrink from block to block, which exact steps on w do not feel and those of
  SGD do. Each gets the norm (over the batch) of the cross-entropy's gradient, as in ``mac``; L_K is the cross-entropy.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method, before_relu, losses

TINY = 1e-30  # so that a block that does not move has a loss of zero


class BlockCoordinateDescent(Method):
    title = "Block coordinate descent (BCD)"
    paper = "https://arxiv.org/abs/1803.00225"
    authors = "Zeng, Lau, Lin & Yao"
    year = 2019
    citation = {
        "author": "Jinshan Zeng and Tim Tsz-Kit Lau and Shaobo Lin and Yuan Yao",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    family = "weakly modular"
    defaults = {"gamma": 1.0, "rho": 1.0, "alpha": 5.0}
    tunes = {"alpha": (0.05, 5.0)}

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        o = self.options
        values, before, bends = [batch.x], [], []
        for module in self.modules:
            a, bent = before_relu(module, values[-1])
            before.append(a), bends.append(bent)
            values.append((a.relu() if bent else a).detach().requires_grad_())
        yield F.cross_entropy(before.pop(), batch.y)
        if not self.last:
            return
        pull = -len(batch) * values[self.last].grad
        size = pull.norm()
        pull = pull * o.gamma / ((o.gamma + o.alpha) * (o.gamma + o.rho + o.alpha))  # Jᵀ(U_K - g_K(V_{K-1}))
        for k in reversed(range(self.last)):
            a = before.pop()
            moved = self.moved(o.rho / (o.gamma + o.rho) * pull, a.detach(), bends[k])
            scale = size / moved.norm().clamp(min=TINY)
            yield losses.carrying((moved * scale).square().sum() / (2 * len(batch)), [(a, -moved * scale / len(batch))])
            if k:
                pull = -len(batch) / scale * values[k].grad

    def moved(self, change: Tensor, a: Tensor, bent: bool) -> Tensor:
        """U - ``a`` for U between what comes from below, U = ``a``, and what is asked, σ(U) = σ(``a``) + ``change``.

        Of differences throughout: they are smaller with every block, and a sum would round them away.
        """
        gamma, held = self.options.gamma, self.options.rho + self.options.alpha
        if not bent:
            return gamma / (gamma + held) * change
        out = a.relu()
        active, silent = torch.maximum(gamma / (gamma + held) * (out - a + change), -a), -out
        costs = [gamma * (out - (a + u).relu() + change).square() + held * u.square() for u in (active, silent)]
        return torch.where(costs[0] < costs[1], active, silent)
