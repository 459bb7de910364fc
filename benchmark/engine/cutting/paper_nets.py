"""Networks that papers print figures for and timm lacks, registered with it, so that suites can run their settings.

Written from the papers and from what their authors' code says of sizes and order. Every layer with weights of the small
ones is a block of its own, so that they can be cut after each of them, where the papers apply their local losses.
"""

from collections import OrderedDict
from functools import partial
from typing import Any, Literal

import timm
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.cutting.registry import register

__all__ = ["PAPER_NETS", "LocalLossMLP"]

Activation = Literal["relu", "leaky_relu"]


class LocalLossMLP(nn.Module):
    """The perceptron of Nøkland & Eidnes (ICML 2019): hidden layers of [linear, BatchNorm, activation], a linear one.

    Its local losses see a layer before the dropout that the next layer sees behind it, so dropout begins a block here.
    Without ``norm`` and dropout it is a plain perceptron, as methods of energies train it.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_chans: int = 1,
        img_size: int = 28,
        layers: int = 3,
        width: int = 1024,
        dropout: float = 0.1,
        activation: Activation = "relu",
        norm: bool = True,
    ):
        super().__init__()
        self.num_classes, self.num_features = num_classes, width
        inputs, steps = in_chans * img_size**2, OrderedDict[str, nn.Module]()
        for i in range(layers):
            steps[f"layer{i + 1}"] = _Dense(inputs, width, dropout if i else 0.0, activation, norm)
            inputs = width
        self.layers = nn.Sequential(steps)
        self.fc = _Dense(width, num_classes, dropout, None)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, channels, H, W) to logits (B, classes)."""
        return self.fc(self.layers(x.flatten(1)))


class _Dense(nn.Module):
    """[dropout, linear, BatchNorm, activation]; without the last two for an output layer."""

    def __init__(self, inputs: int, outputs: int, dropout: float, activation: Activation | None, norm: bool = True):
        super().__init__()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.linear = nn.Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs) if activation and norm else nn.Identity()
        self.act = {"relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.01), None: nn.Identity()}[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.linear(self.dropout(x))))


class _Conv(nn.Module):
    """[convolution, ReLU, pool]; the last one before linear layers ends in a vector."""

    def __init__(self, conv: nn.Conv2d, pool: nn.Module, flatten: bool = False):
        super().__init__()
        self.conv, self.pool, self.flatten = conv, pool, flatten

    def forward(self, x: Tensor) -> Tensor:
        h = self.pool(F.relu(self.conv(x)))
        return h.flatten(1) if self.flatten else h


class _Linear(nn.Module):
    """[linear, ReLU], to unit length where asked."""

    def __init__(self, inputs: int, outputs: int, normalize: bool = False):
        super().__init__()
        self.linear, self.normalize = nn.Linear(inputs, outputs), normalize

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.linear(x))
        return F.normalize(h, dim=1) if self.normalize else h


def kernet_lenet5(num_classes: int = 10, in_chans: int = 1) -> nn.Module:
    """LeNet-5 as kerNET trains it (Duan, Yu & Principe 2021), for 28x28: what its output layer sees has unit length."""
    return nn.Sequential(
        OrderedDict(
            conv1=_Conv(nn.Conv2d(in_chans, 6, 5, padding=2), nn.MaxPool2d(2)),
            conv2=_Conv(nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), flatten=True),
            fc1=_Linear(400, 120),
            fc2=_Linear(120, 84, normalize=True),
            fc3=nn.Linear(84, num_classes),
        )
    )


def biotorch_lenet(num_classes: int = 10, in_chans: int = 3) -> nn.Module:
    """The LeNet with which biotorch compares feedback alignments on CIFAR-10 (Sanfiz & Akrout 2021); Xavier weights."""
    network = nn.Sequential(
        OrderedDict(
            conv1=_Conv(nn.Conv2d(in_chans, 32, 3), nn.MaxPool2d(2)),
            conv2=_Conv(nn.Conv2d(32, 64, 3), nn.MaxPool2d(2)),
            conv3=_Conv(nn.Conv2d(64, 128, 3), nn.AdaptiveAvgPool2d(1), flatten=True),
            fc1=_Linear(128, 256),
            fc2=nn.Linear(256, num_classes),
        )
    )
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)  # a bias
    return network


def unpooled(name: str, **arguments: Any) -> nn.Module:
    """The ResNet ``name`` of timm without the max-pool of its stem, as TRGL has it on Tiny ImageNet (Karkar et al.)."""
    network = timm.create_model(name, **arguments)
    network.set_submodule("maxpool", nn.Identity())
    return network


PAPER_NETS = {
    "local_loss_mlp": LocalLossMLP,
    "kernet_lenet5": kernet_lenet5,
    "biotorch_lenet": biotorch_lenet,
}
for _name, _build in PAPER_NETS.items():
    register(_name, _build)
for _layers in (50, 101, 152):
    register(f"trgl_resnet{_layers}", partial(unpooled, f"resnet{_layers}"))
