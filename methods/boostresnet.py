"""BoostResNet: one module after the other learns what the classifier before it gets wrong.

Huang, Ash, Langford & Schapire, "Learning deep ResNet blocks sequentially using boosting theory", ICML 2018.

    o_t = softmax( W_t pool(g_t) + b_t ),   g_t: output of module t,   h_t = α_{t+1} o_{t+1} - α_t o_t,   α_0 = 0
    min over g_{t+1}, W_{t+1}, b_{t+1}, α_{t+1}:   r = Σ_i Σ_{l≠y_i} D_t(i, l) exp( h_t(i, l) - h_t(i, y_i) )
    D_t(i, l) = exp( s_t(i, l) - s_t(i, y_i) ) / Z_t,   s_t = h_0 + ... + h_{t-1} = α_t o_t,   Σ D_t = 1

So every module is a weak learner in a telescoping sum, boosted with the costs of AdaBoost.MM, and the sum of all
of them is the network's own output, up to its factor: the logits of the last o are the backbone's, not those of
one more head. Everything up to module t is frozen while module t + 1 learns.

Departures:

- The sums, Z_t among them, are over the batch, and what is minimised is r up to 1 and 1 + log r beyond, which
  has the same minimiser on a batch and a slope divided by r: Z_t falls over the modules, so that a new head
  starts at a large r, and SGD would be thrown off (the authors' code clamps every gradient to ±0.1).
- What is minimised is the paper's. The authors' code minimises another: exp of the cross-entropy of a softmax taken
  over the *batch* (dim 0), unweighted; D only gives it the edge from which α is set.
- The theory wants o bounded by 1, the paper's equation is linear; the softmax is ours. It leaves the network's
  decision as it is.
- α_t = softplus(a_t) is learned, from 1 on, as in the paper's oracle; the authors' code sets it from the edge of
  o_t. The softplus keeps it positive, as a free α below 0 would turn the network's decision around. This form
  (softmax, softplus) was chosen among ten on validation pictures of ``digits``, with one seed.
- ``scale`` multiplies the loss: its gradients are small beside those of a cross-entropy, and the suites share a rate.
- A module is what the suite cuts, not one residual block, and any backbone will do. There are as many as the
  suite says, each for a full budget of epochs, where the paper adds modules while the edge grows.
- The authors' heads for CIFAR-10 hold strided blocks of the later stages, too.
"""

from collections.abc import Iterator
from math import e

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, ModularMethod, heads


def log_weights(state: Tensor, y: Tensor) -> Tensor:
    """Logarithm of the boosting weights D of a state s, both (B, classes); -inf for the true class."""
    margin = state - state.gather(1, y[:, None])
    wrong = margin.masked_fill(F.one_hot(y, state.shape[1]).bool(), -torch.inf)
    return wrong - wrong.flatten().logsumexp(0)


def boosted_loss(weak: Tensor, state: Tensor, y: Tensor) -> Tensor:
    """r, or 1 + log r if r > 1, of weak hypotheses h (B, classes), boosted with the weights of a state."""
    log_r = (log_weights(state, y) + weak - weak.gather(1, y[:, None])).flatten().logsumexp(0)
    return log_r.clamp(max=0).exp() + log_r.clamp(min=0)


class Hypothesis(nn.Module):
    """α o: a classifier's probabilities and their weight in the telescoping sum; (B, ...) -> (B, classes)."""

    def __init__(self, logits: nn.Module) -> None:
        super().__init__()
        self.logits = logits
        self.raw_alpha = nn.Parameter(torch.tensor(e - 1).log())  # alpha = 1

    def forward(self, h: Tensor) -> Tensor:
        return F.softplus(self.raw_alpha) * self.logits(h).softmax(1)


class BoostResNet(ModularMethod):
    title = "BoostResNet"
    paper = "https://arxiv.org/abs/1706.04964"
    authors = "Huang, Ash, Langford & Schapire"
    year = 2018
    citation = {
        "author": "Furong Huang and Jordan T. Ash and John Langford and Robert E. Schapire",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    defaults = {"scale": 1.0}
    recipe = {"optimizer": "adam", "lr": 1e-3}  # of its code
    tunes = {"scale": (0.3, 30.0)}

    def auxiliary(self, k: int) -> nn.Module:
        if k == self.last:
            return Hypothesis(nn.Identity())
        return Hypothesis(heads.LinearHead(self.outputs[k], self.task.classes))

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """One loss: the boosted one of the module that this phase trains."""
        (k,) = self.phase.trains
        with torch.no_grad():
            h = batch.x
            for module in self.modules[:k]:
                h = module(h)
            state = self.auxiliaries[k - 1](h) if k else h.new_zeros(len(batch.y), self.task.classes)
        weak = self.auxiliaries[k](self.modules[k](h)) - state
        yield self.options.scale * boosted_loss(weak, state, batch.y)
