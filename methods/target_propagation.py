"""Target propagation: hidden modules learn to reach targets that learned inverses send down.

Lee, Zhang, Fischer & Bengio, "Difference target propagation", ECML 2015 (``dtp``).
Meulemans, Carzaniga, Suykens, Sacramento & Grewe, "A theoretical framework for target propagation", NeurIPS
2020 (``drl``, their DTPDRL, and ``ddtp``, their DDTP-linear).

    h_k = f_k(stop-gradient(h_{k-1})),   L_K = CE(h_K, y),   L_k = s_k/(2 η B) Σ |h_k - t_k|²

    dtp    t_{K-1} = h_{K-1} - η B ∂L_K/∂h_{K-1},   t_{k-1} = h_{k-1} + g_k(t_k) - g_k(h_k)
           g_k learns   min |g_k(f_k(c)) - c|²,   c = h_{k-1} + ε
    drl    t_K = h_K - η B ∂L_K/∂h_K,   t_{k-1} as above, from k = K on
           g_k learns   min |r_{k-1} - c|² / |r_k - h_k|²,
           r_K = f_K(... f_k(c)),   r_{j-1} = h_{j-1} + g_j(r_j) - g_j(h_j)   (the difference reconstruction loss)
    ddtp   t_K as in drl,   t_k = h_k + Q_k (t_K - h_K),   Q_k a matrix
           Q_k learns   min |h_k + Q_k (r_K - h_K) - c|² / |r_K - h_K|²,   r_K = f_K(... f_{k+1}(c)),   c = h_k + ε

ε: Gaussian, of σ times the standard deviation of the features. B ∂L/∂h is the gradient of one picture's
cross-entropy, and 1/η is Meulemans et al.'s ``normalize_lr``: the size of the step on the target is taken out
of the gradient, so module K - 1 of ``dtp`` learns as by backpropagation, and with K = 2 all do. ``eta`` and
``sigma`` are of Lee et al.'s code for MNIST. g_k: resample, conv, BatchNorm, ReLU, conv, or a matrix on logits.

Departures, the first two because the papers train with RMSprop and Adam, which are blind to a loss's scale:

- s_k = |t - h| of the first change (at K - 1 in ``dtp``, at K else) over |t_k - h_k|, norms over the batch, as
  an inverse makes changes larger or smaller by the module's gain; a constant to the optimiser.
- The papers divide the difference reconstruction loss by σ², here it is by the size of what came up (in units
  of its variance where a BatchNorm divides by that). Its second term is weight decay in the authors' code, too.
- The papers train the feedback for some epochs first, here forward and feedback learn in the same step.
- The feedback loss of ``dtp`` is a mean over features, that of Lee et al.'s code a sum: as many times larger as there
  are features. With the sum, SGD at the suite's rate diverged in three of three seeds (digits).
- σ is relative to the features' spread, which backbones leave free; the papers' layers end in tanh.

Known limit: ``dtp`` with K = 4 does not train a small ConvNeXt on digits reliably; seven other settings of g, σ
and the targets' size did not mend it. ``ddtp`` trains it.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from benchmark import Batch, Features, Method, Task, in_float32, widened
from benchmark.engine.buffers import on_copies_of_buffers
from benchmark.engine.partition import Partition
from benchmark.errors import UserError

TINY = 1e-30  # so that a target without a change gives a loss of zero


class TargetPropagation(Method):
    title = "Target propagation"
    paper = "https://arxiv.org/abs/1412.7525"
    authors = "Lee, Zhang, Fischer & Bengio; Meulemans et al."
    year = 2015
    citation = {
        "author": "Dong-Hyun Lee and Saizheng Zhang and Asja Fischer and Yoshua Bengio",
        "booktitle": "European Conference on Machine Learning and Knowledge Discovery in Databases (ECML PKDD)",
    }
    family = "weakly modular"
    defaults = {"feedback": "dtp", "eta": 0.33, "sigma": 0.36}
    variants = {"dtp": {"feedback": "dtp"}, "drl": {"feedback": "drl"}, "ddtp": {"feedback": "ddtp"}}
    # of Lee et al.'s code for MNIST, where the feedback has a rate of its own, 0.005
    recipe = {"optimizer": "rmsprop", "lr": 0.0149, "weight_decay": 0.0, "batch": 100, "epochs": 100}
    tunes = {"eta": (0.03, 3.0), "sigma": (0.03, 1.0)}

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        chosen = {**self.defaults, **(options or {})}
        if chosen["feedback"] not in self.variants:
            raise UserError(f"There is no feedback {chosen['feedback']!r}; choose {', '.join(self.variants)}.")
        if min(chosen["eta"], chosen["sigma"]) <= 0:
            raise UserError("Target propagation needs a step eta and a noise sigma above 0.")
        super().__init__(partition, task, options)

    def auxiliary(self, k: int) -> nn.Module | None:
        if self.options.feedback == "ddtp":
            return None if k == self.last else Direct(self.outputs[self.last], self.outputs[k])
        if k == 0 or (k == self.last and self.options.feedback == "dtp"):
            return None
        kind = Direct if self.outputs[k].layout == "NC" else Inverse
        return kind(self.outputs[k], self.outputs[k - 1])

    def source(self, k: int) -> int:
        """Index of the features from which targets and reconstructions come down to those of module ``k``."""
        return self.last if self.options.feedback == "ddtp" else k + 1

    def inverse(self, k: int) -> nn.Module:
        """The feedback network down to the features of module ``k``."""
        return self.auxiliaries[k if self.options.feedback == "ddtp" else k + 1]

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """The output module's loss; then, from the top down, each hidden module's and that of the feedback to it."""
        hidden: list[Tensor] = []
        h = batch.x
        for module in self.modules[: self.last]:
            hidden.append(keeping_input(module, h))
            h = hidden[-1].detach().requires_grad_()
        logits = self.modules[self.last](h)
        logits.retain_grad()
        yield F.cross_entropy(logits, batch.y)
        if hidden:
            first = h if self.options.feedback == "dtp" else logits
            change = self.options.eta * len(batch) * widened(first.grad)
            yield from self.hidden_losses(hidden, logits.detach(), widened(first.detach()) - change, change.norm())

    def hidden_losses(self, hidden: list[Tensor], logits: Tensor, target: Tensor, size: Tensor) -> Iterator[Tensor]:
        """``target`` is the one that is given by a gradient, and ``size`` the norm of its change."""
        given = self.last - 1 if self.options.feedback == "dtp" else self.last
        values = [widened(value.detach()) for value in (*hidden, logits)]  # bf16 would not tell targets from them
        for k in reversed(range(self.last)):
            own = target if k == given else self.lowered(k, values, target)
            scale = size / (own - values[k]).norm().clamp(min=TINY)
            yield (hidden.pop() - own).square().sum() * scale / (2 * self.options.eta * len(own))
            if k != given:
                yield self.feedback_loss(k, values)
            if self.options.feedback != "ddtp":
                target = own

    @torch.no_grad()
    def lowered(self, k: int, values: list[Tensor], target: Tensor) -> Tensor:
        """The target of module ``k``'s features, given that of the features that it comes from."""
        return values[k] + difference(self.inverse(k), target, values[self.source(k)])

    def feedback_loss(self, k: int, values: list[Tensor]) -> Tensor:
        """How well the feedback to module ``k``'s features brings back noise that went up from there."""
        noise = self.options.sigma * values[k].std() * torch.randn_like(values[k])
        if self.options.feedback == "dtp":
            corrupted = values[k] + noise
            return F.mse_loss(self.inverse(k)(self.raised(k, corrupted, k + 1)), corrupted)
        up = self.raised(k, values[k] + noise, self.last)
        if self.options.feedback == "drl":
            for j in reversed(range(k + 1, self.last)):
                up = self.lowered(j, values, up)
        back = difference(self.inverse(k), up, values[self.source(k)])
        return (back - noise).square().sum() / self.inverse(k).power(up, values[self.source(k)])

    @torch.no_grad()
    def raised(self, k: int, h: Tensor, to: int) -> Tensor:
        """The output of module ``to`` if that of module ``k`` were ``h``; leaves no trace."""
        for module in self.modules[k + 1 : to + 1]:
            with on_copies_of_buffers(module):
                h = module(h)
        return h


def keeping_input(module: nn.Module, h: Tensor) -> Tensor:
    """``module(h)``, whose graph keeps ``h`` alone; the rest is computed again in the backward pass."""

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), on_copies_of_buffers(module)

    output: Tensor = checkpoint(module, h, use_reentrant=False, context_fn=contexts)
    return output


@in_float32
def difference(network: nn.Module, a: Tensor, b: Tensor) -> Tensor:
    """``network(a) - network(b)``, in one pass, so that both see the same statistics in a BatchNorm."""
    of_a, of_b = network(torch.cat([a, b])).chunk(2)
    return of_a - of_b


class Direct(nn.Linear):
    """A matrix from a vector to features of any shape; without a bias, which no difference would show."""

    def __init__(self, above: Features, below: Features) -> None:
        super().__init__(above.channels, prod(below.shape), bias=False)
        self.shape = below.shape

    def forward(self, h: Tensor) -> Tensor:
        return super().forward(h).unflatten(1, self.shape)

    def power(self, a: Tensor, b: Tensor) -> Tensor:
        """Size of a change from b to a, as the weights see it."""
        return (a - b).square().sum()


class Inverse(nn.Module):
    """From a module's output to its input: resample, 3x3 conv, BatchNorm, ReLU, 3x3 conv."""

    def __init__(self, above: Features, below: Features) -> None:
        super().__init__()
        self.above, self.below = above, below
        width = below.channels
        self.net = nn.Sequential(
            nn.Conv2d(above.channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, track_running_stats=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )

    def forward(self, h: Tensor) -> Tensor:
        h, size = as_grid(self.above, h), grid_size(self.below)
        if h.shape[2:] != size:
            h = F.interpolate(h, size=size, mode="bilinear")
        return from_grid(self.below, self.net(h))

    def power(self, a: Tensor, b: Tensor) -> Tensor:
        """Size of a change from b to a, in units of the variance that the BatchNorm divides by."""
        return (a - b).square().sum() / b.var()


def grid_size(features: Features) -> tuple[int, int]:
    """Height and width of :func:`as_grid`: tokens with a class token before them are a column."""
    return (features.shape[0], 1) if features.prefix_tokens else features.size


def as_grid(features: Features, h: Tensor) -> Tensor:
    """All of ``h`` as (B, C, H, W): unlike ``as_map`` it drops no token, as targets are for all of them."""
    if features.prefix_tokens:
        return h.transpose(1, 2)[..., None]
    return features.as_map(h)


def from_grid(features: Features, grid: Tensor) -> Tensor:
    """The opposite of :func:`as_grid`."""
    if features.layout == "NCHW":
        return grid
    if features.layout == "NHWC":
        return grid.permute(0, 2, 3, 1)
    return grid.flatten(2).transpose(1, 2) if features.layout == "NLC" else grid.flatten(1)
