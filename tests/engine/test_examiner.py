"""Nobody is accused of what an optimiser, a kernel or a diverging training does."""

from functools import partial

import numpy as np
import pytest
import torch
from conftest import make_method, small_suite

from benchmark.engine.measuring import examiner, probe
from benchmark.engine.measuring.cost import Metered
from benchmark.engine.measuring.probe import linear_probes
from benchmark.engine.measuring.reality import check_in_training, real_steps
from benchmark.engine.measuring.state import State, near
from benchmark.engine.measuring.world import Moment, Stretch, World, copied
from benchmark.engine.training.evaluate import evaluating
from benchmark.engine.training.tf32 import tf32_of
from benchmark.engine.training.train import Diverged, train_step

CPU = torch.device("cpu")
FEW = {"batch": 4, "weight_decay": 0.0}  # weights outweigh activations


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lookahead_sgd"])
def test_a_step_may_hold_what_its_optimisers_made_meanwhile(optimizer, digits, loader):
    recipe = small_suite().recipe.model_copy(update={**FEW, "optimizer": optimizer, "lr": 1e-3})
    loader.batch_size = FEW["batch"]
    build = partial(make_method, "e2ebp", 2, digits)
    batch = next(loader.epoch(0))
    _, steps = real_steps(build, recipe, batch)
    training = World(build(), recipe, CPU)
    optimizers, world = training.enter(0), World(build(), recipe, CPU)
    for step in range(9):  # Lookahead makes its slow weights in the sixth
        before = Moment(State.of(training.method, optimizers, CPU), copied(batch))
        train_step(training.method, batch, optimizers)
        if step:
            check_in_training(world, Stretch(0, (before,), State.of(training.method, optimizers, CPU)), steps[0])


def test_whatever_an_optimiser_keeps_is_put_into_another_one(digits, loader):
    recipe = small_suite().recipe.model_copy(update={"optimizer": "adabelief", "lr": 1e-3})  # counts in a plain number
    a, b = (World(make_method("e2ebp", 2, digits), recipe, CPU) for _ in range(2))
    ours, theirs = a.enter(0), b.enter(0)
    batch = next(loader.epoch(0))
    for _ in range(3):
        train_step(a.method, batch, ours)
    train_step(b.method, batch, theirs)
    State.of(a.method, ours, CPU).put(b.method, theirs)
    assert {v["step"] for v in theirs[0].state.values()} == {3}


def test_numbers_of_a_diverged_training_do_not_tell_kernels_from_cheats():
    before, after = torch.ones(4), torch.tensor([torch.nan, torch.inf, 2.0, 3.0])
    assert near(torch.tensor([1.0, torch.nan, 2.0, 3.0]), after, before)
    assert not near(torch.tensor([1.0, torch.nan, 2.0, 4.0]), after, before)


def test_outputs_that_are_no_numbers_are_diverged_before_a_probe_sees_them(digits, loader, monkeypatch):
    infinite = [np.full((4, 2), np.inf)], np.zeros(4)
    monkeypatch.setattr(probe, "_features", lambda *arguments: infinite)
    with pytest.raises(Diverged, match="outputs of module 0 are not finite"):
        linear_probes(make_method("dgl", 2, digits), loader, loader)


def test_predictions_are_not_rounded_by_the_size_of_a_batch():
    """TF32 kernels are chosen by shape, so a picture alone would get other logits than among others."""
    settings = torch.backends.cudnn, torch.backends.cuda.matmul
    with tf32_of("tf32"):
        with evaluating([torch.nn.Linear(1, 1)]):
            assert not any(each.allow_tf32 for each in settings)
        assert all(each.allow_tf32 for each in settings)


def test_every_stretch_that_is_tried_is_metered_but_for_first_steps(digits, loader, monkeypatch):
    metered = []
    monkeypatch.setattr(examiner, "draw_starts", lambda steps, parts: [0, 2, 3])
    monkeypatch.setattr(examiner, "check_in_training", lambda *arguments: metered.append(arguments))
    recipe, build = small_suite().recipe, partial(make_method, "e2ebp", 2, digits)
    watch = examiner.Examiner(lambda: World(build(), recipe, CPU), [Metered(0, 0, 0)])
    training = World(build(), recipe, CPU)
    optimizers = training.enter(0)
    watch.begin(training.method, 0, 4)
    for _ in range(4):
        watch.step(training.method, next(loader.epoch(0)), optimizers)
    assert len(metered) == 2
