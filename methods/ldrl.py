"""Local difference reconstruction: feedback learns to have the forward pass's transposed Jacobian, then targets follow.

Ernoult, Normandin, Moudgil, Spinney, Belilovsky, Rish, Richards & Bengio, "Towards scaling difference target
propagation by learning backprop targets", ICML 2022.

    t_K = h_K - β (softmax(h_K) - onehot(y)),   t_{k-1} = h_{k-1} + g_k(t_k) - g_k(h_k),   k = K ... 2
    L_k = |h_k - t_k|² / (2 β B),   h_k = f_k(stop-gradient(h_{k-1})),   t_k held fixed
    g_k learns   min  -2/σ² ⟨ε, g_k(f_k(h_{k-1} + ε)) - g_k(h_k)⟩ + 1/σ² |g_k(h_k + η) - g_k(h_k)|²

ε and η: Gaussian, of variance σ². To second order in σ, g_k's loss is |∂g_k - (∂f_k)ᵀ|² but for a constant, module by
module (``target_propagation`` learns inverses, and its ``drl`` all the way from the top). Where it is zero, all L_k
move weights along backpropagation's gradient as β → 0: their theorem. L_K is the cross-entropy: the same gradient.

Targets wait for all of the forward pass and for each other: no lock is removed, and graphs of all modules are kept.

Departures:

- The authors take 20 to 55 steps on each g_k a batch, before the targets, at rates of its own. Here each batch has
  ``draws`` draws of the noise, one step of the suite's optimiser for forward and feedback weights at once, and
  ``feedback`` times the loss of g_k, in the place of a rate (AdamW is all but blind to it).
- β and σ² divide the losses: theirs leave them to the rates. The loss of g_k is a mean over positions.
- σ is relative to the spread of the features, those of h_{k-1} for ε and of h_k for η; their nets have no BatchNorm,
  and one σ a layer. Noise goes up through the batch's statistics and leaves no trace in the averages.
- A g_k is not the mirror of its module, which is any that the suite cuts: at the size of the map below, a 1x1
  convolution, the shortcut, and conv, ReLU, conv beside it (from logits, and between vectors, a matrix).
"""

from collections.abc import Iterator
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, Method, in_float32, on_copies_of_buffers, widened


class LDRL(Method):
    title = "Target propagation with local difference reconstruction (L-DRL)"
    paper = "https://arxiv.org/abs/2201.13415"
    authors = "Ernoult et al."
    year = 2022
    citation = {
        "author": (
            "Maxence Ernoult and Fabrice Normandin and Abhinav Moudgil and Sean Spinney and Eugene Belilovsky and "
            "Irina Rish and Blake Richards and Yoshua Bengio"
        ),
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    family = "weakly modular"
    defaults = {"beta": 0.7, "sigma": 0.2, "draws": 1, "feedback": 0.1}
    # of their code, for a VGG of five convolutions on CIFAR-10; the feedback has rates of its own, 1e-4 to 0.18
    recipe = {
        "optimizer": "momentum",
        "lr": 0.05,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "batch": 128,
        "epochs": 90,
    }
    tunes = {"feedback": (0.01, 1.0)}

    def auxiliary(self, k: int) -> nn.Module | None:
        return Feedback(self.outputs[k], self.outputs[k - 1]) if k else None

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """The output module's loss; then, from the top down, each hidden module's, after that of the feedback to it."""
        outputs, h = [], batch.x
        for module in self.modules:
            h = module(h.detach())
            outputs.append(h)
        logits = widened(outputs.pop().detach())
        yield F.cross_entropy(h, batch.y)
        error = logits.softmax(1) - F.one_hot(batch.y, self.task.classes)
        above, target = logits, logits - self.options.beta * error
        for k in reversed(range(1, len(self.modules))):
            own = widened(outputs[k - 1].detach())
            yield self.options.feedback * self.feedback_loss(k, own, above)
            above, target = own, own + self.lowered(k, target, above)
            yield (outputs.pop() - target).square().sum() / (2 * self.options.beta * len(target))

    @in_float32
    @torch.no_grad()
    def lowered(self, k: int, target: Tensor, above: Tensor) -> Tensor:
        """g_k(target) - g_k(above)."""
        to, since = self.auxiliaries[k](torch.cat([target, above])).chunk(2)
        return to - since

    @in_float32
    def feedback_loss(self, k: int, below: Tensor, above: Tensor) -> Tensor:
        """How far ∂g_k is from (∂f_k)ᵀ, but for a constant; ``below`` h_{k-1}, ``above`` h_k."""
        losses, (low, high) = [], (self.options.sigma * h.std() for h in (below, above))
        for _ in range(self.options.draws):
            sent, shaken = low * torch.randn_like(below), high * torch.randn_like(above)
            with torch.no_grad(), on_copies_of_buffers(self.modules[k]):
                up = self.modules[k](below + sent)
            seen, turned, still = self.auxiliaries[k](torch.cat([up, above + shaken, above])).chunk(3)
            agreement = (sent * (seen - still)).sum() / low.square()
            losses.append((turned - still).square().sum() / high.square() - 2 * agreement)
        positions = prod(self.outputs[k - 1].size) if self.outputs[k].layout != "NC" else 1
        return sum(losses) / (self.options.draws * len(below) * positions)


class Feedback(nn.Module):
    """g: a module's output (B, ...) -> features (B, ...) like those of the module below; differences show no bias."""

    def __init__(self, above: Features, below: Features) -> None:
        super().__init__()
        self.above, self.below = above, below
        if above.layout == "NC":
            self.matrix = nn.Linear(above.channels, prod(below.shape), bias=False)
            return
        self.shortcut = nn.Conv2d(above.channels, below.channels, 1, bias=False)
        self.branch = nn.Sequential(
            nn.Conv2d(above.channels, below.channels, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(below.channels, below.channels, 3, padding=1, bias=False),
        )

    def forward(self, h: Tensor) -> Tensor:
        if self.above.layout == "NC":
            return self.matrix(h).unflatten(1, self.below.shape)
        h = F.interpolate(self.above.as_map(h), size=self.below.size)
        return self.below.from_map(self.shortcut(h) + self.branch(h))
