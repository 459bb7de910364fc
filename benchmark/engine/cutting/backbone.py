"""Backbones by name: all that timm builds, and the small ResNets of the local-learning literature beside it.

timm's own stem (7x7, stride 2, max pool) throws most of a 32x32 picture away before the first block. So the
CIFAR ResNets of the papers are registered with timm under names of their own, as are the
small networks of some other papers (`paper_nets`), and `stem="small"` mends others.
"""

import difflib
import re
import warnings
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal

import timm
import torch
from timm.layers import create_classifier
from timm.models.resnet import BasicBlock, make_blocks
from torch import Tensor, nn

from benchmark.engine.cutting.arguments import bounded_downloads, check_arguments
from benchmark.engine.cutting.paper_nets import PAPER_NETS
from benchmark.engine.cutting.registry import register
from benchmark.engine.cutting.tracing import brief
from benchmark.errors import UserError

__all__ = ["PAPER_NETS", "SMALL_RESNETS", "SmallResNet", "create_backbone"]

Stem = Literal["native", "small"]


class SmallResNet(nn.Module):
    """ResNet of BasicBlocks for small pictures: 3x3 stem, no pool, 1x1-convolution shortcuts.

    With three stages of 16, 32 and 64 channels it is the 6n+2 ResNet of He et al. (2016, section 4.2) as InfoPro
    (Wang et al., 2021) and its successors train it. The modules have the names of timm's ResNet.
    """

    def __init__(
        self,
        depths: tuple[int, ...],
        widths: tuple[int, ...],
        num_classes: int = 10,
        in_chans: int = 3,
        stem_stride: int = 1,
        drop_path_rate: float = 0.0,
    ):
        super().__init__()
        self.num_classes, self.num_features = num_classes, widths[-1]
        seen = max(3, 2 * stem_stride - 1)  # by stride 4, 3x3 would look at 9 pixels of 16
        self.conv1 = nn.Conv2d(in_chans, widths[0], seen, stem_stride, padding=seen // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.act1 = nn.ReLU(inplace=True)
        settings: dict[str, Any] = {"drop_path_rate": drop_path_rate, "norm_layer": nn.BatchNorm2d}
        stages, _ = make_blocks((BasicBlock,) * len(depths), widths, depths, widths[0], **settings)
        self.stages = [name for name, _ in stages]
        for name, stage in stages:
            self.add_module(name, stage)
        self.global_pool, self.fc = create_classifier(widths[-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, channels, H, W) to logits (B, classes)."""
        x = self.act1(self.bn1(self.conv1(x)))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(self.global_pool(x))


# name: (blocks per stage, channels per stage)
SMALL_RESNETS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    **{f"cifar_resnet{6 * n + 2}": ((n, n, n), (16, 32, 64)) for n in (1, 2, 3, 5, 7, 9, 18)},
    "narrow_resnet10": ((1, 1, 1, 1), (16, 32, 64, 128)),
    "half_resnet10": ((1, 1, 1, 1), (32, 64, 128, 256)),
}


for _name, (_depths, _widths) in SMALL_RESNETS.items():
    register(_name, partial(SmallResNet, _depths, _widths))


def create_backbone(
    name: str, classes: int, channels: int, image_size: int, /, stem: Stem = "native", **kwargs: Any
) -> nn.Module:
    """Build the timm model `name` for square pictures of `image_size` pixels with `channels` channels.

    `image_size` goes to the models that want to know it (ViT, mixer, swin); `kwargs` go to timm (`patch_size=4`).
    `stem="small"` replaces the stem of the ResNet kind (stride 2, pool) by one 3x3 convolution of stride 1.
    Raises UserError for a name that timm does not know, an argument that the model does not take or may not be given,
    weights that cannot be had, and a stem that cannot be replaced.
    """
    if not timm.is_model(name):
        close = difflib.get_close_matches(name.split(".")[0], timm.list_models(), n=4, cutoff=0.5)
        hint = f"close to it are {', '.join(close)}" if close else "timm.list_models() lists them all"
        raise UserError(f"timm knows no backbone {name!r}; {hint}.")
    check_arguments(name, kwargs)
    with bounded_downloads() if kwargs.get("pretrained") else nullcontext(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "for .* copying from a non-meta parameter")  # a plan has no weights
        model = _build(name, image_size, num_classes=classes, in_chans=channels, **kwargs)
    if stem == "small":
        _make_stem_small(model, name, channels)
    elif stem != "native":
        raise UserError(f"There is no stem {stem!r}; choose native or small.")
    return model


def _build(name: str, image_size: int, **kwargs: Any) -> nn.Module:
    """Ask for the image size first, then without it: no list says which models take `img_size`."""
    before = torch.get_rng_state()
    for arguments in ({"img_size": image_size, **kwargs}, kwargs):
        torch.set_rng_state(before)  # a refused attempt must not move the initial weights
        try:
            return timm.create_model(name, **arguments)
        except UserError:
            raise
        except Exception as error:
            unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            if unknown and unknown[1] == "img_size" and "img_size" not in kwargs:
                continue
            raise UserError(_refusal(name, arguments, unknown[1] if unknown else "", error)) from error
    raise UserError(f"timm cannot build {name} with {kwargs}.")


def _refusal(name: str, arguments: dict[str, Any], unknown: str, error: Exception) -> str:
    if unknown:
        return f"{name} takes no argument {unknown!r}; leave it out."
    reason = brief(error)
    if arguments.get("pretrained") and isinstance(error, OSError):
        return f"The pretrained weights of {name} cannot be had: {reason}; find a network, or leave pretrained out."
    if arguments.get("checkpoint_path"):
        file = arguments["checkpoint_path"]
        return f"The file {file!r} is no checkpoint of {name} as built here ({type(error).__name__}: {reason})."
    return f"timm cannot build {name} with {arguments}: {reason}."


# (convolution, pool) of the stems of timm's ResNet, ResNetV2 and DenseNet
STEMS = (("conv1", "maxpool"), ("stem.conv", "stem.pool"), ("features.conv0", "features.pool0"))


def _make_stem_small(model: nn.Module, name: str, channels: int) -> None:
    modules = dict(model.named_modules())
    for convolution, pool in STEMS:
        if convolution in modules and pool in modules:
            last = [m for m in modules[convolution].modules() if isinstance(m, nn.Conv2d)][-1]
            small = nn.Conv2d(channels, last.out_channels, 3, padding=1, bias=last.bias is not None)
            nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
            model.set_submodule(convolution, small)
            model.set_submodule(pool, nn.Identity())
            return
    raise UserError(f"{name} has no stem of the ResNet kind to make small; use stem native.")
