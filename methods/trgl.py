"""TRGL, transport-regularised greedy learning: modules classify, and move their features as little as they can.

Karkar, Ayed, de Bézenac & Gallinari, "Module-wise training of neural networks via the minimizing movement
scheme", NeurIPS 2023.

    L_k = CE( a_k(h_k), y ) + 1/(2 τ_k) Σ_u mean( (u(z) - z)² )
    u: the units of module k that keep the shape of their input z (residual blocks);  mean: over the batch and
    the features;  τ_k = τ for the first half of the modules, 2 τ for the others;  labels smoothed by 0.1

a_k: a 3x3 convolution, ReLU, average pool, BatchNorm, linear; for tokens a linear layer on their mean, as the
paper does for Swin. The last module pays for its transport, too. Variants: ``parallel``, all modules on every
batch; ``sequential``, each to the end before the next one starts; ``laps``, sequential R times over, each time
for 1/R of the epochs. Each module gets the same number of epochs in all three.

``tau = "authors"``: 0.5, and 50 where K = 2, as the authors' commands for ResNet-110 on STL-10 have it (table 3; the
paper does better than without regularisation for any τ from 0.03 to 100). A number is τ for every K; None leaves
the transport out: the paper's VanGL.

Departures:

- The paper writes the squared norm ‖r‖², its code (github.com/block-wise/module-wise) the mean over features,
  and its τ are meant for the latter: so here.
- In the paper r is the residual branch of a ResNet's block, of the blocks that change the shape as well. Here
  it is what the block does, u(z) - z, so the ReLU behind the addition counts where it cuts off, and blocks that
  change the shape have none.
- The last module has the backbone's own classifier, where the authors put another a_k.
- The pool leaves a cell for every 8x8 positions, as in the code for CIFAR-10; STL-10 has 16x16 in places.
- The weights start, and the learning rate falls, as the suite says: no orthogonal start of gain 0.1. A phase is
  a whole schedule, so ``laps`` restarts it. Frozen modules are in eval mode.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, Phase, heads
from benchmark.errors import UserError

AUTHORS = 0.5, 50.0  # τ of the first half of the modules: in general, and where K = 2
CELL = 8  # positions of a map, a side, that the head's pool makes one


class TRGL(LocalMethod):
    title = "TRGL (transport-regularised greedy learning)"
    paper = "https://arxiv.org/abs/2309.17357"
    authors = "Karkar, Ayed, de Bézenac & Gallinari"
    year = 2023
    citation = {
        "author": "Skander Karkar and Ibrahim Ayed and Emmanuel de Bézenac and Patrick Gallinari",
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    defaults = {"tau": "authors", "smoothing": 0.1, "laps": 0}  # laps: 0, all modules at once; R, R times one by one
    variants = {"parallel": {"laps": 0}, "sequential": {"laps": 1}, "laps": {"laps": 5}}
    # of its README for CIFAR-100, batches as in the paper
    recipe = {"optimizer": "sgd", "lr": 0.003, "momentum": 0.9, "weight_decay": 2e-4, "batch": 256, "epochs": 300}
    tunes = {"tau": (0.05, 100.0)}
    transport: Tensor | float = 0.0  # of the forward pass, for the loss that follows it

    def auxiliary(self, k: int) -> nn.Module | None:
        check_options(self.options.tau, self.options.laps)
        if k == self.last:
            return None
        kind = heads.LinearHead if self.outputs[k].layout in ("NLC", "NHWC") else PooledConvHead
        return kind(self.outputs[k], self.task.classes)

    def phases(self) -> Sequence[Phase]:
        laps, count = self.options.laps, len(self.modules)
        if laps == 0:
            return super().phases()
        return tuple(Phase((k,), share=1 / laps) for _ in range(laps) for k in range(count))

    def tau(self, k: int) -> float:
        """τ of module ``k``: doubled for the second half of the modules."""
        tau = self.options.tau
        if tau == "authors":
            tau = AUTHORS[len(self.modules) == 2]
        return float(tau) * (1 if k < len(self.modules) // 2 else 2)

    def forward(self, k: int, h: Tensor) -> Tensor:
        if self.options.tau is None:
            return super().forward(k, h)
        for unit in self.modules[k]:
            out = unit(h)
            if out.shape == h.shape:
                self.transport = self.transport + F.mse_loss(out, h) / (2 * self.tau(k))
            h = out
        return h

    def regularised(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy and the transport of the forward pass before it."""
        loss = F.cross_entropy(logits, batch.y, label_smoothing=self.options.smoothing) + self.transport
        self.transport = 0.0  # the next forward pass starts anew
        return loss

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return self.regularised(self.auxiliaries[k](h), batch)

    def output_loss(self, h: Tensor, batch: Batch) -> Tensor:
        return self.regularised(h, batch)


def check_options(tau: float | str | None, laps: int) -> None:
    """Raise UserError unless τ is the authors', none or positive, and laps a count."""
    if tau not in (None, "authors") and not (isinstance(tau, int | float) and tau > 0):
        raise UserError(f"tau is a positive number, `authors`, or null for no transport, not {tau!r}.")
    if not isinstance(laps, int) or laps < 0:
        raise UserError(f"laps is a count, or 0 to train all modules at once, not {laps!r}.")


class PooledConvHead(heads.Head):
    """3x3 convolution, ReLU, average pool of 8x8 positions, BatchNorm, one linear layer: (B, ...) -> (B, outputs)."""

    def __init__(self, features: Features, outputs: int) -> None:
        super().__init__(features)
        channels = features.channels
        height, width = (-(-side // CELL) for side in features.size)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d((height, width)),
            nn.BatchNorm2d(channels),
            nn.Flatten(),
            nn.Linear(channels * height * width, outputs),
        )

    def forward(self, h: Tensor) -> Tensor:
        return self.layers(self.features.as_map(h))
