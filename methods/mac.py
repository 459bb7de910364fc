"""Method of auxiliary coordinates: each picture's features are variables, and every module is fitted alone.

Carreira-Perpiñán & Wang, "Distributed optimization of deeply nested systems", AISTATS 2014.

    minimise over W and z    E = Σ_n CE(f_K(z_{K-1}), y) + μ/2 Σ_k |z_k - f_k(z_{k-1})|²,   z_0 = x,   k = 1 ... K - 1

by turns, for each batch: the Z step, ``z_steps`` times, from the forward pass and from the top coordinate down,

    z_k <- z_k - ρ/μ ∂E/∂z_k,   ∂E/∂z_k = μ (z_k - f_k(z_{k-1})) - μ J_{k+1}ᵀ (z_{k+1} - f_{k+1}(z_k))

(for k = K - 1 the last term is the gradient of the cross-entropy), which runs module k + 1 alone and holds its
weights; then the W step, one step of the suite's optimiser with z held, on a loss for each module alone:

    L_k = s_k/B Σ_n |z_k - f_k(z_{k-1})|²/2,   L_K = CE(f_K(z_{K-1}), y),   s_k = |∂CE/∂z_{K-1}| / |z_k - f_k(z_{k-1})|

Departures:

- s_k, a constant to the optimiser, stands for μ: every module's error gets the norm (over the batch) of the
  cross-entropy's at the forward pass. The paper fits each module to the end, where a factor is without effect;
  to a step of SGD it is not, and what has come down to module 1 after a few steps on z is small.
- The paper keeps z for the whole data set and lets μ grow as the steps converge; here z starts from the
  forward pass in every batch, where no penalty is left over, so μ is constant and only bounds how far z moves.
- The paper's Z and W steps are Gauss-Newton steps or exact fits; these are gradient steps. ``mu``, ``z_rate``
  (ρ) and ``z_steps`` are ours: ρ |J|² must stay below 1 for a step on z to lower E.
- BatchNorm's statistics move in the forward pass alone (in the last module: in the W step). Dropout, which the
  paper does not have, draws anew at each evaluation.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method, Task
from benchmark.engine.buffers import on_copies_of_buffers
from benchmark.engine.partition import Partition
from benchmark.errors import UserError

TINY = 1e-30  # so that an error of zero gives a loss of zero


class MAC(Method):
    title = "Method of auxiliary coordinates (MAC)"
    paper = "https://arxiv.org/abs/1212.5921"
    authors = "Carreira-Perpiñán & Wang"
    year = 2014
    citation = {
        "author": "Miguel Á. Carreira-Perpiñán and Weiran Wang",
        "booktitle": "International Conference on Artificial Intelligence and Statistics (AISTATS)",
    }
    family = "weakly modular"
    defaults = {"mu": 10.0, "z_steps": 5, "z_rate": 0.03}
    tunes = {"mu": (1.0, 100.0), "z_rate": (0.003, 0.3)}

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(partition, task, options)
        o = self.options
        if min(o.mu, o.z_steps, o.z_rate) <= 0:
            raise UserError("MAC needs a penalty mu, a number of steps z_steps and a rate z_rate above 0.")

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """The W step: a loss for each module, given its coordinates and those below it."""
        z, size = self.coordinates(batch)
        for k, module in enumerate(self.modules):
            below = z[k - 1] if k else batch.x
            if k == self.last:
                yield F.cross_entropy(module(below), batch.y)
            else:
                with on_copies_of_buffers(module), exactly(below):
                    output = module(below)
                error = z[k] - output
                yield error.square().sum() * (size / error.detach().norm().clamp(min=TINY)) / (2 * len(batch))

    def penalty(self, z: Tensor, output: Tensor) -> Tensor:
        """μ/2 |z_k - f_k(z_{k-1})|², summed over the pictures."""
        return self.options.mu / 2 * (z - output).square().sum()

    def coordinates(self, batch: Batch) -> tuple[list[Tensor], Tensor]:
        """z_1 ... z_{K-1} after the Z step, and the norm of the cross-entropy's gradient by z_{K-1} before it."""
        z, size = list[Tensor](), batch.x.new_zeros(())
        with torch.no_grad(), exactly(batch.x):
            for module in self.modules[: self.last]:
                z.append(module(z[-1] if z else batch.x))
        for step in range(self.options.z_steps):
            for k in reversed(range(self.last)):
                gradient = self.pull_from_above(k, z, batch)
                if not step and k == self.last - 1:
                    size = gradient.norm()
                if step:  # at first z_k is f_k(z_{k-1})
                    gradient += self.options.mu * (z[k] - self.output(k, z, batch))
                z[k] = z[k] - self.options.z_rate / self.options.mu * gradient
        return z, size

    def pull_from_above(self, k: int, z: list[Tensor], batch: Batch) -> Tensor:
        """Gradient, by z_k, of the term of E in which module k + 1 takes it in."""
        entering = z[k].detach().requires_grad_()
        with on_copies_of_buffers(self.modules[k + 1]), exactly(entering):
            output = self.modules[k + 1](entering)
        last = k + 1 == self.last
        term = F.cross_entropy(output, batch.y, reduction="sum") if last else self.penalty(z[k + 1], output)
        term.backward(inputs=[entering])  # not autograd.grad, with which torch's module hooks cannot live
        assert entering.grad is not None
        return entering.grad

    @torch.no_grad()
    def output(self, k: int, z: list[Tensor], batch: Batch) -> Tensor:
        """f_k(z_{k-1})."""
        with on_copies_of_buffers(self.modules[k]), exactly(batch.x):
            output: Tensor = self.modules[k](z[k - 1] if k else batch.x)
        return output


def exactly(x: Tensor) -> torch.autocast:
    """A context without autocast, on the device of ``x``: steps on z are smaller than what bf16 tells apart."""
    return torch.autocast(x.device.type, enabled=False)
