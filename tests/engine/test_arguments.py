"""A backbone's arguments: whatever is wrong with them is one sentence, at once, before anything trains."""

import json
import socket
import time
from types import SimpleNamespace

import pytest
import timm
import torch
from conftest import small_suite
from huggingface_hub import constants

from benchmark.engine.cutting import arguments
from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.load import load_dataset
from benchmark.engine.training.build import build_partition
from benchmark.errors import UserError, out_of_memory
from benchmark.running import preflight
from benchmark.schema.suite import Backbone

REFUSED = [
    ({"num_classes": 0}, "cannot take the argument 'num_classes' (the data set says it); leave it out."),
    ({"num_classes": 10}, "cannot take the argument 'num_classes'"),
    ({"in_chans": 3}, "cannot take the argument 'in_chans'"),
    ({"features_only": True}, "cannot take the argument 'features_only' (a backbone must end in logits to be trained)"),
    ({"stem": "small"}, "cannot take the argument 'stem' (it stands beside kwargs, as `stem: small`)"),
    ({"name": "resnet18"}, "cannot take the argument 'name'"),
    ({"model_name": "resnet18"}, "cannot take the argument 'model_name'"),
    ({"pretrained_cfg": {}}, "cannot take the argument 'pretrained_cfg'"),
    ({"cache_dir": "elsewhere"}, "cannot take the argument 'cache_dir'"),
    ({"scriptable": True}, "cannot take the argument 'scriptable'"),
    ({"drop_rate": None}, "the argument 'drop_rate' is null, which timm ignores; leave it out."),
    ({"nonsense": 3}, "takes no argument 'nonsense'; leave it out."),
    ({"img_size": 32}, "takes no argument 'img_size'; leave it out."),
    ({"pretrained": "yes"}, "pretrained is 'yes', but must be true or false."),
    ({"checkpoint_path": "nowhere.pth"}, "checkpoint_path is 'nowhere.pth', but there is no such file."),
    ({"checkpoint_path": 3}, "checkpoint_path is 3, but there is no such file."),
    ({"checkpoint_path": "."}, "checkpoint_path is '.', but there is no such file."),
    ({"classes": 3}, "takes no argument 'classes'; leave it out."),
]
NAMES = {"timm's": "resnet18", "ours": "cifar_resnet8"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(("kwargs", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_arguments_that_may_not_be_given_are_refused_in_a_sentence(monkeypatch, name, kwargs, sentence):
    suite = small_suite(backbones=[Backbone(name=name, kwargs=kwargs)], modules=[2])
    monkeypatch.setattr(preflight, "load_suite", lambda _: suite)
    with pytest.raises(UserError) as refused:
        preflight._check_cuts(suite, {(name, 2)})
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"hello", json.dumps({"a": 1}).encode(), b"PK\x03\x04", None])
def test_a_file_that_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "some.pth"
    if content is None:
        torch.save({"conv1.weight": torch.zeros(3)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match="is no checkpoint of cifar_resnet8 as built here") as refused:
        create_backbone("cifar_resnet8", 10, 3, 32, checkpoint_path=str(path))
    assert "\n" not in str(refused.value)


def test_a_checkpoint_is_loaded(tmp_path):
    path = tmp_path / "some.pth"
    model = create_backbone("cifar_resnet8", 10, 3, 32)
    torch.save(model.state_dict(), path)
    again = create_backbone("cifar_resnet8", 10, 3, 32, checkpoint_path=str(path))
    assert torch.equal(again.conv1.weight, model.conv1.weight)


@pytest.fixture
def no_network(monkeypatch):
    """Every name server says no, as it does on a machine without a network."""

    def fail(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits {seconds} s"))


@pytest.mark.usefixtures("no_network")
def test_pretrained_weights_without_a_network_are_a_sentence_and_no_wait(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    suite = small_suite(backbones=[Backbone(name="resnet10t", kwargs={"pretrained": True})], modules=[2])
    with pytest.raises(UserError, match=r"The pretrained weights of resnet10t cannot be had: .*; find a network"):
        preflight._check_cuts(suite, {("resnet10t", 2)})
    assert not constants.HF_HUB_OFFLINE  # put back


@pytest.mark.parametrize("name", ["cifar_resnet8", "resnet10t"])
def test_a_model_without_pretrained_weights_says_so(monkeypatch, name):
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda _: SimpleNamespace(has_weights=False))
    with pytest.raises(UserError, match=f"There are no pretrained weights for {name}; leave pretrained out."):
        create_backbone(name, 10, 3, 32, pretrained=True)


def test_pretrained_weights_are_asked_for_once(monkeypatch):
    asked = []
    monkeypatch.setattr(arguments, "_answers", lambda address: True)
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda model, **_: asked.append(type(model).__name__))
    create_backbone("resnet10t", 10, 3, 32, pretrained=True)
    assert asked == ["ResNet"]


def test_a_memory_that_is_full_is_told_from_a_wrong_argument(monkeypatch):
    def create(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(UserError) as refused:
        create_backbone("resnet18", 10, 3, 32)
    assert out_of_memory(refused.value)


def test_logits_that_are_not_one_a_class_are_refused(monkeypatch):
    task = load_dataset("digits").task
    monkeypatch.setattr(
        "benchmark.engine.training.build.create_backbone",
        lambda *_: create_backbone("cifar_resnet8", 7, task.channels, task.image_size),
    )
    with pytest.raises(UserError, match=r"The backbone ends in \(B, 7\), not in the \(B, 10\) logits of 10 classes"):
        build_partition(Backbone(name="cifar_resnet8"), task, 2, "memory", 0)
