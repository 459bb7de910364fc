"""Decoupled parallel backpropagation (DDG): every module runs backward with a delayed gradient, on an old graph.

Huo, Gu, Yang & Huang, "Decoupled parallel backpropagation with convergence guarantee", ICML 2018.

At step t every module k = 0 ... K - 1 goes back through the forward pass of step s = t - (K - 1 - k):

    forward   h_0^t = x_t,   h_{k+1}^t = f_k( h_k^t ; w_k^t ),   keep the graph and the weights that it used
    backward  J = the Jacobian of f_k( h_k^s ; w_k^s ):  w_k^t moves along  J_wᵀ δ_k^{t-1},  δ_{k-1}^t = J_hᵀ δ_k^{t-1}
              at k = K - 1, where s = t, there is no delay:  δ = ∂CE( h_K^t, y_t ) / ∂h_K^t

δ_k^{t-1} is what module k + 1 found one step before, for the same pictures: no module waits for another one's
backward pass. The gradient is that of old weights at old activations, applied to today's weights; features replay
(the authors' later method) computes it at today's. K = 1 is end-to-end backpropagation. While the pipeline fills,
module k rests for K - 1 - k steps.

Module k keeps K - k graphs and as many copies of its weights, so this takes more memory than backpropagation.

This is the paper's algorithm. The authors' code is another: it goes back through the old graph without keeping the old
weights, so that (in its PyTorch 0.3.1, which would not notice; emulated, not run) old activations meet new weights.
The two were 12 to 25 % apart in the weights after nine steps.
"""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from benchmark import Batch, Method, Phase


class DDG(Method):
    title = "Decoupled parallel backpropagation (DDG)"
    paper = "https://arxiv.org/abs/1804.10574"
    authors = "Huo, Gu, Yang & Huang"
    year = 2018
    citation = {
        "author": "Zhouyuan Huo and Bin Gu and Qian Yang and Heng Huang",
        "booktitle": "International Conference on Machine Learning (ICML)",
    }
    family = "weakly modular"
    removes = ("backward",)
    recipe = {  # of its code, for ResNet-110 on CIFAR-10
        "optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "batch": 128, "epochs": 300,
        "schedule": "steps", "milestones": [0.5, 0.75], "gamma": 0.1,
    }  # fmt: skip

    running: Phase | None = None  # the phase that the two lists below are of
    passes: list[list[tuple[Tensor, Tensor]]]  # of each module: inputs and outputs (with their graphs), oldest first
    gradients: list[Tensor | None]  # of each module's output, for its oldest pass

    @property
    def lag(self) -> int:
        return self.last

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        if self.running is not self.phase:
            self.running = self.phase
            self.passes = [[] for _ in self.modules]
            self.gradients = [None for _ in self.modules]
        self.run_forward(batch.x)
        delayed, self.gradients = self.gradients, [None for _ in self.modules]
        for k in reversed(range(len(self.modules))):
            gradient = delayed.pop()
            if k == self.last or gradient is not None:
                h, out = self.passes[k].pop(0)
                yield F.cross_entropy(out, batch.y) if gradient is None else (out * gradient).sum()
                if k > 0:
                    self.gradients[k - 1] = h.grad

    def run_forward(self, x: Tensor) -> None:
        """One forward pass, a graph for each module."""
        for k in range(len(self.modules)):
            h = x.detach().requires_grad_(k > 0)
            x = self.forward(k, h)
            self.passes[k].append((h, x))

    def forward(self, k: int, h: Tensor) -> Tensor:
        """Module ``k`` on copies of its weights and buffers, which later steps do not change; both learn from it."""
        if k == self.last:
            return self.modules[k](h)
        module = self.modules[k]
        weights = {name: weight.clone() for name, weight in module.named_parameters()}
        buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        out = functional_call(module, (weights, buffers), h)
        for name, buffer in module.named_buffers():
            buffer.copy_(buffers[name])
        return out
