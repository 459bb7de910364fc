"""AugLocal: the auxiliary network of a module is an excerpt of the backbone that follows it.

Ma, Wu, Si & Tan, "Scaling supervised local learning with augmented auxiliary networks", ICLR 2024.

    L_k = CE( W_k avgpool( u'_{j_1} ... then ... u'_{j_d} (h_k) ) + c_k, y ),   h_k = f_k(stop-gradient(h_{k-1}))
    j_i = round( l + (L - l - 1) / d · i ),   i = 1 ... d;   all that follow, where there are no more than d
    d = max( 1, round( D (1 - c r) + c r ) ),   r = k / (K - 2),   k = 0 ... K - 2   (r = 0 where K = 2)

u'_j has the architecture of unit j of the backbone and weights of its own; l is the last unit of module k,
L the number of units before the classifier, all counted from 0. The last module learns by cross-entropy.
D (``depth``) is 6, the paper's for ResNet-110 in 55 modules (it gives 2 to 9), c (``decay``) is 0.5.

Departures:

- The paper builds its units with widths and strides that fit each other. Here they are copies of the
  backbone's: where the features that arrive are not of the shape that a unit expects, as when the first block
  of a stage was left out, an adapter stands before it (average pool to the size, 1x1 convolution, BatchNorm;
  prefix tokens become zero).
- The copies' weights are drawn by each layer's ``reset_parameters``; parameters of a layer without it (layer
  scale) start as the backbone's do.
- At a depth of 1 the authors have a BatchNorm before W_k, here there is none (with the defaults d is 4 to 6).
- K is the suite's: the authors' code trains the last D + 1 layers as one module, and K = 16 means 16 - D there.
"""

import copy

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, heads
from benchmark.errors import UserError


class AugLocal(LocalMethod):
    title = "AugLocal"
    paper = "https://arxiv.org/abs/2402.17318"
    authors = "Ma, Wu, Si & Tan"
    year = 2024
    citation = {
        "author": "Chenxiang Ma and Jibin Wu and Chenyang Si and Kay Chen Tan",
        "booktitle": "International Conference on Learning Representations (ICLR)",
    }
    defaults = {"depth": 6, "decay": 0.5}
    recipe = {"optimizer": "sgd", "lr": 0.8, "batch": 1024, "epochs": 400}
    tunes = {"depth": [2, 4, 6, 9], "decay": [0.0, 0.5, 1.0]}

    def depth(self, k: int) -> int:
        """Number of units in the auxiliary network of hidden module ``k``, if so many follow."""
        full, decay = self.options.depth, self.options.decay
        if not isinstance(full, int) or full < 1 or not 0 <= decay <= 1:
            raise UserError(f"AugLocal needs a depth of 1 or more and a decay in [0, 1], not {full!r} and {decay!r}.")
        r = k / (self.last - 1) if self.last > 1 else 0.0
        return max(1, round(full * (1 - decay * r) + decay * r))

    def sampled(self, k: int) -> list[int]:
        """Indices of the backbone's units, counted from 0, that module ``k``'s auxiliary network copies."""
        end = sum(len(units) for units in self.unit_outputs[: k + 1]) - 1  # the last unit of module k
        following = sum(map(len, self.unit_outputs)) - 1 - end - 1  # without the classifier
        depth = self.depth(k)
        if following <= depth:
            return list(range(end + 1, end + 1 + following))
        return [round(end + following / depth * i) for i in range(1, depth + 1)]

    def auxiliary(self, k: int) -> nn.Module | None:
        if k == self.last:
            return None
        units = [unit for module in self.modules for unit in module]
        outputs = [features for row in self.unit_outputs for features in row]
        here, layers = self.outputs[k], []
        for j in self.sampled(k):
            if not alike(here, outputs[j - 1]):
                layers.append(Adapter(here, outputs[j - 1]))
            layers.append(redrawn(units[j]))
            here = outputs[j]
        return nn.Sequential(*layers, heads.LinearHead(here, self.task.classes))

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)


def alike(a: Features, b: Features) -> bool:
    """Whether a unit that takes the one can take the other."""
    return (a.shape, a.layout, a.prefix_tokens) == (b.shape, b.layout, b.prefix_tokens)


def redrawn(unit: nn.Module) -> nn.Module:
    """A copy of ``unit`` with new random weights."""
    fresh = copy.deepcopy(unit)
    for part in fresh.modules():
        if reset := getattr(part, "reset_parameters", None):
            reset()
    return fresh


class Adapter(heads.Head):
    """Features of one shape as features of another: average pool, 1x1 convolution, BatchNorm."""

    def __init__(self, features: Features, expected: Features) -> None:
        super().__init__(features)
        self.expected = expected
        self.conv = nn.Conv2d(features.channels, expected.channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(expected.channels)

    def forward(self, h: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(self.features.as_map(h), self.expected.size)
        return self.expected.from_map(self.norm(self.conv(pooled)))
