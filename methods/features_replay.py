"""Features replay: every module learns from a delayed gradient, on an old input that runs again with new weights.

Huo, Gu & Huang, "Training neural networks using features replay", NeurIPS 2018.

Step t plays the batch x_t forward, and every module k = 0 ... K - 1 replays what it was given K - 1 - k steps ago:

    play    h_0^t = x_t,   h_{k+1}^t = f_k( h_k^t ; w^t ),   keep h_k^t
    replay  s = t - (K - 1 - k),   o_k = f_k( h_k^s ; w^t )
            w_k moves along  (∂o_k / ∂w_k)ᵀ δ_k^{t-1},   and  δ_{k-1}^t = (∂o_k / ∂h_k^s)ᵀ δ_k^{t-1}
            at k = K - 1 there is no delay:  δ = ∂CE(o, y_t) / ∂o

δ_k^{t-1} is what module k + 1 found one step before, for the same pictures: no module waits for another one's
backward pass. K = 1 is end-to-end backpropagation. While the pipeline fills, module k rests for K - 1 - k steps.

Departures: BatchNorm's averages move once a step, in the replay, where the authors' code moves them in the play,
too; its learning rate of module 0, twice that of the others, is in the code only and left out.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark import Batch, Method, Phase
from benchmark.engine.buffers import on_copies_of_buffers


class FeaturesReplay(Method):
    title = "Features replay"
    paper = "https://arxiv.org/abs/1807.04511"
    authors = "Huo, Gu & Huang"
    year = 2018
    citation = {
        "author": "Zhouyuan Huo and Bin Gu and Heng Huang",
        "booktitle": "Advances in Neural Information Processing Systems (NeurIPS)",
    }
    family = "weakly modular"
    removes = ("backward",)
    recipe = {  # of its code, for a ResNet on CIFAR-10
        "optimizer": "sgd", "lr": 0.01, "batch": 128, "epochs": 300,
        "schedule": "steps", "milestones": [0.5, 0.75], "gamma": 0.1,
    }  # fmt: skip

    running: Phase | None = None  # the phase that the two lists below are of
    inputs: list[list[Tensor]]  # of each module: what it has not replayed yet, oldest first
    gradients: list[Tensor | None]  # of each module's output, for what it replays next

    @property
    def lag(self) -> int:
        return self.last

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if self.running is not self.phase:
            self.running = self.phase
            self.inputs = [[] for _ in self.modules]
            self.gradients = [None for _ in self.modules]
        self.play(batch.x)
        delayed, self.gradients = self.gradients, [None for _ in self.modules]
        for k in reversed(range(len(self.modules))):
            gradient = delayed.pop()
            if k == self.last or gradient is not None:
                yield from self.replay(k, gradient, batch)

    @torch.no_grad()
    def play(self, x: Tensor) -> None:
        """One forward pass, to keep what each module is given; it leaves no trace in them."""
        for k, module in enumerate(self.modules):
            self.inputs[k].append(x)
            if k < self.last:
                with on_copies_of_buffers(module):
                    x = module(x)

    def replay(self, k: int, gradient: Tensor | None, batch: Batch) -> Iterator[Tensor]:
        """Run module ``k`` on its oldest input, move it along ``gradient``, and keep that of the input."""
        h = self.inputs[k].pop(0).requires_grad_(k > 0)
        out = self.modules[k](h)
        yield F.cross_entropy(out, batch.y) if gradient is None else (out * gradient).sum()
        if k > 0:
            self.gradients[k - 1] = h.grad
