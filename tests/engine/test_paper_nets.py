"""The small networks of papers: their printed size, a cut after every layer, and the cut network is the uncut one."""

import pytest
import timm
import torch
from torch import nn

from benchmark.engine.cutting.backbone import PAPER_NETS, create_backbone
from benchmark.engine.cutting.partition import cut, cut_points
from benchmark.running.preflight import _check_cuts
from benchmark.schema.suite import load_suite

PICTURES = {"local_loss_mlp": (1, 28, 28), "kernet_lenet5": (1, 28, 28), "biotorch_lenet": (3, 32, 32)}
CUTS = {
    "local_loss_mlp": [("layers.layer1", (1024,)), ("layers.layer2", (1024,)), ("layers.layer3", (1024,))],
    "kernet_lenet5": [("conv1", (6, 14, 14)), ("conv2", (400,)), ("fc1", (120,)), ("fc2", (84,))],
    "biotorch_lenet": [("conv1", (32, 15, 15)), ("conv2", (64, 6, 6)), ("conv3", (128,)), ("fc1", (256,))],
}


def built(name: str, **kwargs: object) -> nn.Module:
    torch.manual_seed(0)
    channels, size, _ = PICTURES[name]
    return create_backbone(name, 10, channels, size, **kwargs)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_perceptron_is_as_large_as_its_paper_prints():
    assert round(parameters(built("local_loss_mlp")) / 1e6, 1) == 2.9  # Nøkland & Eidnes, table of MNIST
    cifar = create_backbone("local_loss_mlp", 10, 3, 32, width=3000)
    assert round(parameters(cifar) / 1e6, 1) == 27.3  # and of CIFAR-10


def test_the_lenets_are_as_large_as_their_layers():
    assert parameters(built("kernet_lenet5")) == 156 + 2416 + 48120 + 10164 + 850 == 61_706
    assert parameters(built("biotorch_lenet")) == 896 + 18496 + 73856 + 33024 + 2570


@pytest.mark.parametrize("name", PAPER_NETS)
def test_they_can_be_cut_after_every_layer(name: str):
    assert timm.is_model(name)
    points = cut_points(built(name), PICTURES[name])
    assert [(point.name, point.shape) for point in points] == CUTS[name]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", PAPER_NETS)
def test_the_cut_network_is_the_uncut_one(name: str, training: bool):
    model = built(name).train(training)
    x = torch.randn(8, *PICTURES[name])
    partition = cut(model, len(CUTS[name]) + 1, input_shape=PICTURES[name])
    outputs = []
    for network in (model, partition):
        torch.manual_seed(1)  # dropout
        outputs.append(network(x))
    assert torch.equal(*outputs)


def test_a_local_loss_sees_a_layer_before_dropout():
    """As in the authors' code; only the layer above drops."""
    model = built("local_loss_mlp", dropout=0.9).train()
    partition = cut(model, 4, input_shape=(1, 28, 28))
    x = torch.rand(64, 1, 28, 28)
    first = partition.modules[0]
    assert torch.equal(first(x), first(x))
    assert not torch.equal(partition.modules[1](first(x)), partition.modules[1](first(x)))


def test_the_output_layer_of_kernet_sees_vectors_of_unit_length():
    partition = cut(built("kernet_lenet5"), at=["fc2"], input_shape=(1, 28, 28))
    features = partition.modules[0](torch.rand(16, 1, 28, 28))
    torch.testing.assert_close(features.norm(dim=1), torch.ones(16))
    assert (features >= 0).all()


def test_the_leaky_perceptron_is_leaky():
    assert (built("local_loss_mlp", activation="leaky_relu").layers(torch.randn(4, 784)) < 0).any()
    assert not (built("local_loss_mlp").layers(torch.randn(4, 784)) < 0).any()


def test_trgls_resnet_is_timms_without_the_pool_behind_its_stem():
    picture = torch.empty(2, 3, 64, 64, device="meta")
    with torch.device("meta"):
        ours, timms = (create_backbone(name, 200, 3, 64) for name in ("trgl_resnet50", "resnet50"))
        assert parameters(ours) == parameters(timms)
        assert ours.forward_features(picture).shape[2:] == (4, 4)
        assert timms.forward_features(picture).shape[2:] == (2, 2)


@pytest.mark.parametrize("name", ["cifar100", "tiny_imagenet", "imagenet", "imagenet_vit"])
def test_full_size_networks_have_the_cuts_of_their_suite(name: str):
    """Those that a paper prints; a network without any is cut in balance."""
    suite = load_suite(name)
    _check_cuts(suite, {(backbone.key, k) for backbone in suite.backbones for k in backbone.cuts or [4]})
