"""MAN: a module's auxiliary network holds a moving average of the next module's first layer.

Su, Cai, Zhu, He, Xu, Guan & Si, "Momentum auxiliary network for supervised local learning", ECCV 2024.

    y_k = EMA_k(h_k) + b_k,   L_k = λ1(k) BCE( Dec_k(y_k), x ) + λ2(k) CE( head_k(y_k), y )
    EMA_k <- m EMA_k + (1 - m) θ_{k+1}   after every step of module k + 1,   m = 0.995

θ_{k+1}: the first unit of module k + 1, from which EMA_k starts. L_k reaches h_k and b_k through the arithmetic
of EMA_k, whose weights are constants to it: modules exchange weights, never gradients. ``greedy`` is λ = (0, 1)
("DGL + MAN" in the paper); ``infopro`` has the weights of InfoPro, by ``first`` and ``last`` or by its authors'
table. ``head``: InfoPro's ``2c2f``, the default of the released code, or its smaller ``1c2f``.

Departures:

- The paper says that a learnable bias b_k is added; its code adds a trainable copy of the next layer, LB_k(h_k).
  Here b_k is a bias: one number for each position and channel of y_k, from zero. (One for each channel would be
  taken out again by the heads' BatchNorm.)
- The paper's text also takes a gradient step on EMA_k before each average; its code, as here, does not.
- EMA_k follows the weights after module k + 1's step; in the code those before it, one step later.
- The code draws EMA_k's weights anew after copying them, and leaves BatchNorm's running statistics behind; here
  both are those of the next unit. (They are not used in training: EMA_k normalises by the batch.)
- λ goes from the first to the last hidden module by module, as InfoPro's; the code goes by the network's stage.
- Where the next module is the classifier alone, there is no layer to average: L_k is that of h_k.
- The authors' command for ``infopro`` with 16 modules goes from λ = (5, 0.5) to (0, 0), which their rule does not
  reach and this one would. Here the default is InfoPro's table, with the cross-entropy of that command.
"""

import copy

import torch
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod
from benchmark.engine.infopro_objective import InfoProObjective, infopro_weights
from benchmark.errors import UserError


class MAN(LocalMethod):
    title = "Momentum auxiliary network"
    paper = "https://arxiv.org/abs/2407.05623"
    authors = "Su, Cai, Zhu, He, Xu, Guan & Si"
    year = 2024
    citation = {
        "author": (
            "Junhao Su and Changpeng Cai and Feiyu Zhu and Chenghao He and Xiaojie Xu and Dongzhi Guan and Chenyang Si"
        ),
        "booktitle": "European Conference on Computer Vision (ECCV)",
    }
    defaults = {"momentum": 0.995, "first": [0, 1], "last": [0, 1], "task_loss": "softmax", "head": "2c2f"}
    variants = {"greedy": {"first": [0, 1], "last": [0, 1]}, "infopro": {"first": None, "last": None}}
    recipe = {  # of its code
        "optimizer": "sgd", "lr": 0.8, "momentum": 0.9, "weight_decay": 1e-4, "warmup_epochs": 10,
        "warmup_start": 0.0125, "batch": 1024, "epochs": 400,
    }  # fmt: skip
    tunes = {"momentum": [0.9, 0.99, 0.995, 0.999], "head": ["1c2f", "2c2f"]}

    def auxiliary(self, k: int) -> nn.Module | None:
        if not 0 <= self.options.momentum <= 1:
            raise UserError(f"momentum is {self.options.momentum}, but must be a share from 0 to 1, such as 0.995.")
        if k == self.last:
            return None
        weights = infopro_weights(k, len(self.modules), self.options.first, self.options.last)
        only_classifier = k + 1 == self.last and len(self.unit_outputs[k + 1]) == 1
        features = self.outputs[k] if only_classifier else self.unit_outputs[k + 1][0]
        objective = InfoProObjective(features, self.task, weights, self.options.task_loss, self.options.head)
        return objective if only_classifier else MomentumAuxiliary(self.modules[k + 1][0], features, objective)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return self.auxiliaries[k](h, batch)

    def after_step(self, k: int) -> None:
        if k > 0 and isinstance(before := self.auxiliaries[k - 1], MomentumAuxiliary):
            before.follow(self.modules[k][0], self.options.momentum)


class MomentumAuxiliary(nn.Module):
    """A moving average of the next module's first unit, a bias, and the objective on their sum.

    Args:
        unit: of the next module; copied.
        features: of its output.
        objective: loss of that output and a batch.
    """

    def __init__(self, unit: nn.Module, features: Features, objective: nn.Module) -> None:
        super().__init__()
        self.average = constant_copy(unit)
        self.bias = nn.Parameter(torch.zeros(features.shape))
        self.objective = objective

    def forward(self, h: Tensor, batch: Batch) -> Tensor:
        return self.objective(self.average(h) + self.bias, batch)

    @torch.no_grad()
    def follow(self, unit: nn.Module, momentum: float) -> None:
        """Move the weights a step towards those of ``unit``; take over its other buffers."""
        buffers = dict(unit.named_buffers())
        weights = dict(unit.named_parameters())
        for name, own in self.average.named_buffers():
            if name in weights:
                own.lerp_(weights[name], 1 - momentum)
            else:
                own.copy_(buffers[name])


def constant_copy(unit: nn.Module) -> nn.Module:
    """A copy whose parameters are buffers, so that nothing trains them."""
    copied = copy.deepcopy(unit)
    constants = {p: p.detach() for p in copied.parameters()}
    for module in copied.modules():
        for name, p in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, constants[p])
    return copied
