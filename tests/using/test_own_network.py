"""Networks that people bring: what they are after a training, and the sentence on one that cannot be had."""

import sys
import threading

import pytest
import torch
from own_pictures import SMALL, pictures
from rich.console import Console
from torch import nn

from benchmark import fit
from benchmark.ending import Interrupted
from benchmark.engine.measuring import examiner
from benchmark.engine.training.train import train_step
from benchmark.errors import UserError
from benchmark.planning.network import CIFAR
from benchmark.running.keep import Stop
from benchmark.using import command
from benchmark.using.network import network

__all__ = ["pictures"]
fitting = sys.modules["benchmark.using.fit"]


class Small(nn.Module):
    """Two convolutions, a norm and a classifier."""

    def __init__(self, layer=nn.Conv2d):
        super().__init__()
        self.first = layer(3, 8, 3, 2)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.second(self.norm(self.first(x)).relu()).relu().mean((2, 3)))


class Masked(Small):
    def forward(self, x, mask):
        return super().forward(x)


class Noisy(Small):
    def forward(self, x):
        return super().forward(x + torch.randn_like(x))


def lazy(inside, outside, kernel, stride):
    return nn.LazyConv2d(outside, kernel, stride)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (Masked, r"Masked cannot be cut: its forward wants 'mask' beside the pictures; give it a default"),
        (lambda: Small(lazy), r"has weights without a shape yet, as first\.weight; show it a batch once"),
        (lambda: nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten(), nn.LazyLinear(3)), r"as 0\.weight; show it a batch"),
        (Noisy, r"predicts something else each time, in eval mode, too"),
    ],
    ids=["mask", "lazy", "lazy units", "noisy"],
)
def test_a_network_that_nothing_can_train_is_one_sentence(made, sentence, pictures):
    with pytest.raises(UserError, match=sentence):
        fit(made(), pictures, "dgl", 2, **SMALL)


def test_a_network_is_left_as_free_to_learn_as_it_came(pictures, monkeypatch):
    """Modules that rest in a phase are frozen for that phase alone, however the training ends."""
    net = Small()
    fit(net, pictures, "deep_cascade", 2, **SMALL)
    assert all(p.requires_grad for p in net.parameters())

    def breaks(*step):
        raise UserError("broken")

    monkeypatch.setattr(examiner, "train_step", breaks)
    with pytest.raises(UserError, match="broken"):
        fit(net, pictures, "deep_cascade", 2, **SMALL)
    assert all(p.requires_grad for p in net.parameters())


def test_a_part_that_its_user_froze_with_its_statistics_stays_as_it_is():
    net = Small()
    net.norm.requires_grad_(False).eval()
    assert not network(net, CIFAR, 0, pretrained=False).norm.training
    assert net.training
    assert net.second.training


def test_weights_and_checkpoint_are_two_files(pictures, tmp_path):
    """The checkpoint is removed in the end."""
    both = {"save": tmp_path / "out.safetensors", "checkpoint": tmp_path / "." / "out.safetensors"}
    with pytest.raises(UserError, match="name two files"):
        fit("cifar_resnet8", pictures, "dgl", 2, **both, **SMALL)


def test_a_training_with_a_checkpoint_may_run_beside_the_main_thread(pictures, tmp_path):
    """Where no signal can be listened to, as in a server's thread."""
    found = []

    def trains():
        found.append(fit("cifar_resnet8", pictures, "dgl", 2, checkpoint=tmp_path / "kept.ckpt", **SMALL))

    thread = threading.Thread(target=trains)
    thread.start()
    thread.join()
    assert len(found) == 1


ASKED = {"model": "cifar_resnet8", "method": "dgl", "modules": 2, **SMALL}


@pytest.mark.parametrize("written", [False, True])
def test_what_is_said_of_a_stop_is_true(written, pictures, tmp_path, monkeypatch):
    kept = tmp_path / "kept.ckpt"

    def stopped(**asked):
        if written:
            kept.touch()
        raise Interrupted(2)

    monkeypatch.setattr(command, "fit", stopped)
    with pytest.raises(Interrupted) as stop:
        command.trained(Console(), {**ASKED, "data": pictures, "checkpoint": kept}, None)
    assert ("keeps what was trained" if written else "nothing is kept yet") in stop.value.kept


@pytest.mark.parametrize("earlier", [False, True])
def test_a_stop_whose_checkpoint_cannot_be_written_promises_nothing(earlier, pictures, tmp_path, monkeypatch, capsys):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    asked = {**ASKED, "data": pictures, "checkpoint": tmp_path / "kept.ckpt"}
    for fails in [False, True] if earlier else [True]:
        steps = iter(range(100))
        monkeypatch.setattr(examiner, "train_step", lambda *step, s=steps: _stop_at(0, s) or train_step(*step))
        if fails:
            monkeypatch.setattr("benchmark.running.checkpoint.write", full)
        with pytest.raises(SystemExit):
            command.trained(Console(width=500), asked, None)
        said = capsys.readouterr().out
        assert ("the same command goes on from there" in said) is not fails
    assert ("will go on from an earlier moment" if earlier else "will start anew") in said


def _stop_at(step, made):
    if next(made) == step:
        Stop.asked = True


def test_a_comparison_is_shown_where_memory_cannot_be_simulated(pictures, monkeypatch, capsys):
    honest = fitting.simulate

    def refuses(build, *more):
        if type(build()).__name__ == "DGL":
            raise UserError("DGL cannot be simulated.")
        return honest(build, *more)

    monkeypatch.setattr(fitting, "simulate", refuses)
    command.compared(Console(width=200), {**ASKED, "data": pictures, "checkpoint": None}, None)
    said = capsys.readouterr().out
    assert "DGL cannot be simulated." in said
    assert "dgl against e2ebp: accuracy" in said


def test_a_mistake_is_one_sentence_without_advice_on_stopping(pictures, capsys):
    with pytest.raises(UserError, match="no option 'beta'"):
        command.trained(Console(), {**ASKED, "data": pictures, "checkpoint": None, "options": {"beta": 1}}, None)
    assert "--checkpoint" not in capsys.readouterr().out
    command.trained(Console(), {**ASKED, "data": pictures, "checkpoint": None}, None)
    assert "with --checkpoint FILE the same command goes on" in capsys.readouterr().out
