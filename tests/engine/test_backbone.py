"""The backbones that the papers train, under their names, with their sizes, and errors that help."""

import pytest
import timm
import torch
from torch import nn

from benchmark.engine.cutting.backbone import SMALL_RESNETS, create_backbone
from benchmark.errors import UserError


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("name", "parameters"), [("cifar_resnet32", 466_906), ("cifar_resnet110", 1_730_714)])
def test_cifar_resnets_have_the_size_of_the_papers(name: str, parameters: int) -> None:
    assert count(create_backbone(name, 10, 3, 32)) == parameters


@pytest.mark.parametrize("name", SMALL_RESNETS)
def test_small_resnets_are_in_timm(name: str) -> None:
    assert timm.is_model(name)
    model = timm.create_model(name, num_classes=7, in_chans=1)
    assert model(torch.zeros(2, 1, 16, 16)).shape == (2, 7)


def test_cifar_resnet_keeps_the_resolution_in_the_stem_and_halves_it_twice() -> None:
    model = create_backbone("cifar_resnet20", 10, 3, 32)
    shapes = []
    for stage in (model.act1, model.layer1, model.layer2, model.layer3):
        stage.register_forward_hook(lambda _module, _x, y: shapes.append(tuple(y.shape[1:])))
    model(torch.zeros(2, 3, 32, 32))
    assert shapes == [(16, 32, 32), (16, 32, 32), (32, 16, 16), (64, 8, 8)]


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_stem_of_any_stride_looks_at_every_pixel(stride: int) -> None:
    stem = create_backbone("narrow_resnet10", 10, 3, 64, stem_stride=stride).conv1
    pictures = torch.ones(1, 3, 64, 64, requires_grad=True)
    maps = nn.functional.conv2d(pictures, torch.ones_like(stem.weight), None, stem.stride, stem.padding)
    assert maps.shape[-2:] == (64 // stride, 64 // stride)
    (seen,) = torch.autograd.grad(maps.sum(), pictures)
    assert seen.min() > 0


def test_image_size_reaches_the_models_that_take_it() -> None:
    model = create_backbone("vit_tiny_patch16_224", 10, 3, 32, patch_size=4)
    assert model.pos_embed.shape == (1, 65, 192)
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


def test_the_same_seed_gives_the_same_weights_as_timm() -> None:
    torch.manual_seed(3)
    ours = create_backbone("resnet10t", 10, 3, 32).state_dict()
    torch.manual_seed(3)
    theirs = timm.create_model("resnet10t", num_classes=10).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("name", ["resnet18", "resnet10t", "resnetv2_18", "densenet121"])
def test_small_stem_keeps_the_resolution(name: str) -> None:
    model = create_backbone(name, 10, 1, 32, stem="small")
    x = torch.zeros(2, 1, 8, 8)
    native = create_backbone(name, 10, 1, 32)
    assert model.forward_features(x).shape[-1] >= native.forward_features(torch.zeros(2, 1, 32, 32)).shape[-1]
    assert model(x).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("resnet81", {}, "knows no backbone 'resnet81'; close to it are .*resnet18"),
        ("zzzz", {}, "knows no backbone 'zzzz'"),
        ("vit_tiny_patch16_224", {"stem": "small"}, "no stem of the ResNet kind"),
        ("resnet18", {"stem": "big"}, "choose native or small"),
        ("resnet18", {"patch_size": 4}, "takes no argument 'patch_size'"),
        ("cifar_resnet20", {"pretrained": True}, "no pretrained weights"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(name: str, settings: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        create_backbone(name, 10, 3, 32, **settings)
