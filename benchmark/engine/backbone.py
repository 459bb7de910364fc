"""Backbones by name: everything that timm builds, and the small ResNets of the local-learning literature beside it.

timm's own stem (7x7, stride 2, max pool) throws away most of a 32x32 picture before the first block, so the CIFAR
ResNets of the papers are registered with timm under names of their own, and `stem="small"` mends the others.
"""

import difflib
import logging
from collections.abc import Callable
from typing import Any, Literal

import timm
from timm.layers import create_classifier
from timm.models import generate_default_cfgs, register_model
from timm.models.resnet import BasicBlock, make_blocks
from torch import Tensor, nn

from benchmark.errors import UserError


class SmallResNet(nn.Module):
    """ResNet of BasicBlocks for small pictures: 3x3 stem of stride 1, no pool, 1x1-convolution shortcuts.

    With three stages and widths 16-16-32-64 it is the 6n+2 ResNet of He et al. (2016, section 4.2) as InfoPro
    (Wang et al., 2021) and its successors train it. Module names are those of timm's ResNet.
    """

    def __init__(
        self,
        depths: tuple[int, ...],
        widths: tuple[int, ...],
        num_classes: int = 10,
        in_chans: int = 3,
        global_pool: str = "avg",
        drop_path_rate: float = 0.0,
    ):
        super().__init__()
        self.num_classes, self.in_chans, self.num_features = num_classes, in_chans, widths[-1]
        self.conv1 = nn.Conv2d(in_chans, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.act1 = nn.ReLU(inplace=True)
        blocks = (BasicBlock,) * len(depths)
        stages, _ = make_blocks(blocks, widths, depths, widths[0], drop_path_rate=drop_path_rate, norm_layer=nn.BatchNorm2d)
        self.stage_names = [name for name, _ in stages]
        for name, stage in stages:
            self.add_module(name, stage)
        self.global_pool, self.fc = create_classifier(self.num_features, num_classes, pool_type=global_pool)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, channels, H, W) to logits (B, classes)."""
        x = self.act1(self.bn1(self.conv1(x)))
        for name in self.stage_names:
            x = self.get_submodule(name)(x)
        return self.fc(self.global_pool(x))


# name -> (blocks per stage, channels per stage)
SMALL_RESNETS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    **{f"cifar_resnet{6 * n + 2}": ((n,) * 3, (16, 32, 64)) for n in (1, 2, 3, 5, 7, 9, 18)},
    "narrow_resnet10": ((1, 1, 1, 1), (16, 32, 64, 128)),
}


def _register(name: str, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
    def entrypoint(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        for hub_setting in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
            kwargs.pop(hub_setting, None)
        if pretrained:
            raise UserError(f"{name} has no pretrained weights; leave pretrained out.")
        return SmallResNet(depths, widths, **kwargs)

    entrypoint.__name__ = entrypoint.__qualname__ = name
    register_model(entrypoint)


for _name, _shape in SMALL_RESNETS.items():
    if not timm.is_model(_name):  # a second import (a reload, say) would make timm warn
        _register(_name, *_shape)


def create_backbone(
    name: str,
    classes: int,
    channels: int,
    image_size: int,
    stem: Literal["native", "small"] = "native",
    **kwargs: Any,
) -> nn.Module:
    """Build the timm model `name` for square pictures of `image_size` pixels with `channels` channels."""
    raise NotImplementedError
