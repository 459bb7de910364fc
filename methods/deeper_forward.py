"""DeeperForward: forward-forward without negative pictures, in which each class has channels of its own.

Sun, Zhang, He, Wen, Shen & Xie, "DeeperForward: enhanced forward-forward training for deeper and better performance",
ICLR 2025.

    L_k = CE( s G_k, y ),   G_kc = mean of y_k over the channels of class c and all positions,   y_k = ReLU(h_k)
    h_k = f_k( stop-gradient( norm(y_{k-1}) ) ),   h_1 = f_1( norm(x) )

norm: to mean 0 and variance 1, of each class's channels of a picture (of x: of the whole picture), so that the next
module cannot read the goodness G off. The mean of activations replaces the sum of squares: with it, units that
are off still learn. A class is predicted whose goodness is greatest, summed over modules; there is no classifier.

Departures:

- s multiplies the goodness. It is 1 in the paper, whose layers are convolutions without normalisation; behind the
  BatchNorm that ends our modules the mean of a ReLU stays near 0.4, and so would the differences between classes.
- Where the classes do not divide the channels, some classes have one channel more.
- A module is what the suite cuts, with the residual connections of the backbone; theirs is a convolution, and
  connections between layers carry no gradient. All modules are summed; their code picks a run of layers by validation.
- Dropout of 0.2 is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark import Batch, Features, LocalMethod, Partition, Phase, Task, in_float32
from benchmark.errors import UserError


class DeeperForward(LocalMethod):
    title = "DeeperForward"
    paper = "https://openreview.net/forum?id=kOYnXVQCtA"
    authors = "Sun, Zhang, He, Wen, Shen & Xie"
    year = 2025
    citation = {
        "author": "Liang Sun and Yang Zhang and Weizhao He and Jiajun Wen and Linlin Shen and Weicheng Xie",
        "booktitle": "International Conference on Learning Representations (ICLR)",
    }
    recipe = {"optimizer": "adamw", "lr": 0.08, "weight_decay": 5e-4, "batch": 128}
    requires = "as many channels as classes at every cut"
    defaults = {"sharpness": 1.0}
    tunes = {"sharpness": (1.0, 100.0)}
    readout = True

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(partition, task, options)
        for features in self.outputs[: self.last]:
            if features.channels < task.classes:
                raise UserError(
                    f"DeeperForward gives each class channels of its own, but {features.name} has {features.channels} "
                    f"for {task.classes} classes; cut elsewhere, or take a wider backbone."
                )

    def phases(self) -> Sequence[Phase]:
        return super().phases()[:1]

    def enter(self, k: int, h: Tensor, x: Tensor) -> Tensor:
        if k == 0:
            return F.layer_norm(h, h.shape[1:])
        return ungraded(self.outputs[k - 1], h, self.task.classes)

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(self.options.sharpness * goodness(self.outputs[k], h, self.task.classes), batch.y)

    def predict(self, x: Tensor) -> Tensor:
        h, total = x, x.new_zeros(len(x), self.task.classes)
        for k, module in enumerate(self.modules[: self.last]):
            h = module(self.enter(k, h, x))
            total = total + goodness(self.outputs[k], h, self.task.classes)
        return total

    def deployed(self) -> Sequence[nn.Module]:
        return tuple(self.modules[: self.last])


def owners(features: Features, classes: int, device: torch.device) -> Tensor:
    """The class of each channel (C,): neighbours, in the order of the classes."""
    return torch.arange(features.channels, device=device) * classes // features.channels


def by_class(owner: Tensor, values: Tensor, classes: int) -> Tensor:
    """Means (B, classes) of values (B, C) over each class's channels."""
    share = F.one_hot(owner, classes).to(values.dtype)
    return values @ (share / share.sum(0))


@in_float32
def goodness(features: Features, h: Tensor, classes: int) -> Tensor:
    """G of a module's output: (B, ...) -> (B, classes)."""
    active = F.relu(positions(features, h))
    return by_class(owners(features, classes, h.device), active.mean(1), classes)


@in_float32
def ungraded(features: Features, h: Tensor, classes: int) -> Tensor:
    """norm(ReLU(h)) of a module's output, in its own shape."""
    active, owner = F.relu(positions(features, h)), owners(features, classes, h.device)
    mean = by_class(owner, active.mean(1), classes)
    variance = (by_class(owner, active.square().mean(1), classes) - mean.square()).clamp(min=0)
    normal = (active - mean[:, None, owner]) * (variance + 1e-5).rsqrt()[:, None, owner]
    if features.layout == "NCHW":
        return normal.transpose(1, 2).unflatten(2, features.shape[1:])
    return normal.view(h.shape)


def positions(features: Features, h: Tensor) -> Tensor:
    """A module's output, class tokens included, as (B, positions, C)."""
    return h.flatten(2).transpose(1, 2) if features.layout == "NCHW" else h.reshape(len(h), -1, features.channels)
