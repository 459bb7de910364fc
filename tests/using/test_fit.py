"""A network and pictures of one's own: what is trained, kept and refused."""

import errno
import hashlib
import logging
import os
import sys
import tempfile

import pytest
import timm
import torch
from own_pictures import SMALL, pictures
from rich.console import Console
from torch import nn

from benchmark import fit
from benchmark.engine.measuring import examiner
from benchmark.engine.pictures.data import Task
from benchmark.engine.pictures.stream import StreamingLoader
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import train_step
from benchmark.errors import DataMissing, UserError
from benchmark.running.keep import Stop
from benchmark.using import command
from benchmark.using.average import Averaging
from benchmark.using.command import parsed
from benchmark.using.fit import Stopped
from benchmark.using.folder import read_folder

__all__ = ["pictures"]
fitting = sys.modules["benchmark.using.fit"]  # whose function has its name


def test_timm_builds_the_trained_network_from_the_checkpoint(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where there is no checkout
    out = tmp_path / "out.safetensors"
    more = {"clip_norm": 1.0, "ema": 0.5, "precision": "bf16", "frozen": ["conv1"]}
    more |= {
        "mixup": 0.2,
        "cutmix": 1.0,
        "label_smoothing": 0.1,
        "rand_augment": 9,
        "options": {"task_loss": "softmax"},
    }
    said, steps = [], []
    found = fit(
        "cifar_resnet8", pictures, "infopro", 2, save=out, on_step=steps.append, say=said.append, **more, **SMALL
    )
    assert said == ["27 pictures of 3 classes, and 3 held out; 6 steps of 4 an epoch, on cpu."]
    assert steps == pytest.approx([each / 6 for each in range(1, 7)])
    again = timm.create_model("cifar_resnet8", checkpoint_path=str(out), num_classes=3).eval()
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(again(x), found.model(x))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.safetensors", "pictures"]
    fresh = fit("cifar_resnet8", pictures, "untrained", 2, **SMALL).model
    moved = {name for name, tensor in fresh.state_dict().items() if not torch.equal(tensor, again.state_dict()[name])}
    assert "conv1.weight" not in moved
    assert {"layer1.0.conv1.weight", "fc.weight"} <= moved


def test_each_phase_leaves_the_average_of_its_weights():
    """Averages of the weights after each step, decay 1/2, by hand."""
    method = Method.__new__(Method)
    method.modules, weights = nn.ModuleList([nn.Linear(1, 1)]), [1.0, 3.0, 7.0]
    weight, averaging = method.modules[0].weight, Averaging(0.5)
    for _ in range(2):
        averaging.begin(method, 0, 3)
        for value in weights:
            nn.init.constant_(weight, value)
            averaging.average.update_parameters(method.modules)
        averaging.end(method)
        assert weight.item() == (1 + 3) / 2 / 2 + 7 / 2


class Unfollowed(nn.Module):
    """torch.fx cannot follow a path that hangs on values."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 3, 2, 1)

    def forward(self, x):
        h = self.conv(x)
        return h.relu() if h.mean() > 0 else h.tanh()


def test_units_say_where_a_network_may_be_cut_that_fx_cannot_follow(pictures):
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    net = nn.Sequential(Unfollowed(3), Unfollowed(8), head)
    before = [p.detach().clone() for p in net.parameters()]
    found = fit(net, pictures, "dgl", 3, **SMALL)
    assert found.model is net
    assert len(found.method.modules) == 3
    assert all(not torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True))


@pytest.mark.parametrize("wrap", [nn.Sequential, lambda *units: Whole(nn.Sequential(*units))], ids=["units", "whole"])
def test_a_network_that_does_not_take_the_pictures_is_one_sentence(wrap, pictures, caplog, monkeypatch):
    log = logging.getLogger("torch._subclasses.fake_tensor")
    monkeypatch.setattr(log, "handlers", [caplog.handler])
    units = nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(7, 3)
    with pytest.raises(UserError, match=r"does not run on pictures of 3x16x16[^.]*\.$"):
        fit(wrap(*units), pictures, "dgl", 2, **SMALL)
    assert caplog.text == ""


def test_only_who_could_be_helped_by_units_is_told_of_them(pictures):
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(UserError, match=r"Give an nn\.Sequential of its units"):
        fit(Whole(nn.Sequential(Unfollowed(3), head)), pictures, "dgl", 2, **SMALL)
    with pytest.raises(UserError, match=r"this backbone allows 1 to \d+ modules\.$"):
        fit(Whole(nn.Sequential(nn.Conv2d(3, 8, 3), head)), pictures, "dgl", 40, **SMALL)


class Whole(nn.Module):
    """No nn.Sequential to the outside."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


def test_classes_of_which_no_picture_is_held_out_are_named(pictures):
    for i in range(2, 10):
        (pictures / "c" / f"{i}.png").unlink()
    assert read_folder(pictures).split.endswith("the same ones each time; none of 'c'")


def test_bits_hang_on_epoch_and_picture_and_not_on_workers(pictures):
    task = Task(3, 16, 3, (0.5,) * 3, (0.25,) * 3)
    part = read_folder(pictures).train

    def shown(workers, epoch):
        loader = StreamingLoader(part, task, 8, train=True, views=2, workers=workers)
        return torch.cat([torch.stack([b.raw, b.view.raw]) for b in loader.epoch(epoch)], 1)

    alone = shown(0, 1)
    assert torch.equal(alone, shown(2, 1))
    assert not torch.equal(alone, shown(0, 2))
    assert not torch.equal(alone[0], alone[1])


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"method": "forward_forward"}, "does not end in the plain network"),
        ({"method": "predsim", "label_smoothing": 0.1}, r"losses that are cross-entropies.*\(one_hot\)"),
        ({"method": "infopro", "mixup": 0.2}, r"losses that are cross-entropies.*\(indexing\)"),
        ({"method": "dgl", "ema": 1.0}, "must be between 0 and 1"),
        ({"method": "dgl", "frozen": ["conv9"]}, "no part 'conv9'"),
        ({"method": "dgl", "save": "out.pt"}, "ends in .safetensors"),
        ({"method": "dgl", "optimizer": "adamm"}, "timm has no optimiser 'adamm'; did you mean adam"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(pictures, said, sentence):
    with pytest.raises(UserError, match=sentence):
        fit("cifar_resnet8", pictures, modules=2, **said, **SMALL)


def test_a_class_in_place_of_a_network_is_one_sentence(pictures):
    with pytest.raises(UserError, match="must be a name that timm knows, or a network"):
        fit(Whole, pictures, "dgl", 2, **SMALL)


def test_a_network_of_other_classes_and_a_name_that_is_no_text_are_seen(pictures):
    (pictures / "d").mkdir()
    (pictures / "d" / "0.png").write_bytes((pictures / "a" / "0.png").read_bytes())
    with pytest.raises(UserError, match=r"ends in \(3,\) for a picture, but must in 4 logits"):
        fit(by_hand(0), pictures, "dgl", 2, **SMALL)
    (pictures / "a" / "0.png").rename(os.fsdecode(bytes(pictures / "a") + b"/\xff.png"))
    read_folder(pictures).train.add_to(hashlib.sha256())


def test_a_link_that_leads_to_no_picture_is_named_and_what_systems_leave_is_not_read(pictures):
    (pictures / "a" / "Thumbs.db").touch()
    (pictures / "__MACOSX").mkdir()
    assert read_folder(pictures).classes == ("a", "b", "c")
    for target, sentence in (("nowhere", r"x\.png is a link to nowhere"), ("../b", r"x\.png is a link to a folder")):
        (pictures / "a" / "x.png").symlink_to(target)
        with pytest.raises(DataMissing, match=sentence):
            read_folder(pictures)
        (pictures / "a" / "x.png").unlink()


def test_a_damaged_picture_is_named_also_by_a_worker(pictures):
    (pictures / "b" / "3.png").write_bytes(b"no picture")
    loader = StreamingLoader(read_folder(pictures).train, Task(3, 16, 3, (0.5,) * 3, (0.25,) * 3), 4, train=True)
    loader.workers = 1
    with pytest.raises(DataMissing, match=r"b/3\.png .*no JPEG or PNG picture"):
        list(loader.epoch(0))


def by_hand(seed):
    torch.manual_seed(seed)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    return nn.Sequential(Unfollowed(3), nn.BatchNorm2d(8), Unfollowed(8), head)


@pytest.mark.parametrize(
    ("network", "asked"),
    [(lambda seed: "cifar_resnet8", {"method": "predsim"}), (by_hand, {"method": "dgl", "ema": 0.9})],
    ids=["by name", "by hand, averaged"],
)
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(network, asked, pictures, tmp_path, monkeypatch):
    kept, said = tmp_path / "kept.ckpt", []
    asked = {**asked, "modules": 2, **SMALL, "epochs": 2}
    whole = fit(network(0), pictures, **asked).model.state_dict()
    stop = iter(range(100))
    monkeypatch.setattr(examiner, "train_step", lambda *step: _stop_at(9, stop) or train_step(*step))
    with pytest.raises(Stopped, match="epoch 1"):
        fit(network(0), pictures, **asked, checkpoint=kept)
    assert kept.exists()
    monkeypatch.undo()
    with pytest.raises(UserError, match="of another training; move it away"):
        fit(network(0), pictures, **{**asked, "seed": 1}, checkpoint=kept)
    resumed = fit(network(1), pictures, **asked, checkpoint=kept, say=said.append).model.state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert any(each.startswith("goes on from phase 0, epoch 1") for each in said)
    assert not kept.exists()


def test_a_checkpoint_that_does_not_do_what_it_did_is_one_sentence(pictures, tmp_path, monkeypatch):
    kept, asked = tmp_path / "kept.ckpt", {"method": "dgl", "modules": 2, **SMALL}
    stop = iter(range(100))
    monkeypatch.setattr(examiner, "train_step", lambda *step: _stop_at(2, stop) or train_step(*step))
    with pytest.raises(Stopped):
        fit(by_hand(0), pictures, **asked, checkpoint=kept)
    monkeypatch.undo()
    monkeypatch.setattr(Unfollowed, "forward", lambda self, x: self.conv(x).tanh())
    with pytest.raises(UserError, match=r"last step.* made again.*; move it away"):
        fit(by_hand(0), pictures, **asked, checkpoint=kept)
    assert kept.exists()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
            "^The GPU's memory ran out .* dgl: .*--batch",
        ),
        (
            ValueError("Expected more than 1 value per channel"),
            r"^dgl cannot train cifar_resnet8 .*ValueError: Expected",
        ),
    ],
)
def test_what_breaks_a_training_is_one_sentence(error, sentence, pictures, monkeypatch):
    def breaks(*arguments, **more):
        raise error

    monkeypatch.setattr(command, "fit", breaks)
    asked = {"model": "cifar_resnet8", "data": pictures, "method": "dgl", "checkpoint": None, "image": 16, "batch": 4}
    with pytest.raises(UserError, match=sentence):
        command.trained(Console(), asked, None)


def test_weights_that_cannot_be_written_in_the_end_are_written_elsewhere(pictures, tmp_path, monkeypatch):
    out, honest = tmp_path / "full" / "out.safetensors", fitting.write_bytes

    def full(parts, path):
        if path == out:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        honest(parts, path)

    with pytest.raises(UserError, match="no folder"):
        fit("cifar_resnet8", pictures, "dgl", 2, save=out, **SMALL)
    out.parent.mkdir()
    monkeypatch.setattr(fitting, "write_bytes", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UserError, match=r"No space left on device.*the weights are in .*out\.safetensors"):
        fit("cifar_resnet8", pictures, "dgl", 2, save=out, **SMALL)
    assert len(list(tmp_path.rglob("out.safetensors"))) == 1


def _stop_at(step, made):
    if next(made) == step:
        Stop.asked = True


def test_options_are_read_as_yaml_has_them():
    assert parsed(["beta=2", "first=[1, 0.5]", "head=1c2f"]) == {"beta": 2, "first": [1, 0.5], "head": "1c2f"}
    with pytest.raises(UserError, match="write NAME=VALUE"):
        parsed(["depth"])
