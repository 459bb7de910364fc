"""The recipe: how the rate moves, what is refused, and that it means what it meant to the records."""

import hashlib
import json

import pytest
import torch
from conftest import ROOT

from benchmark.engine.load import load_method
from benchmark.engine.training.train import build_optimizers, build_scheduler
from benchmark.errors import UserError
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import load_suite, load_suites
from benchmark.submitting.check.problem import RECIPE, make

TRAINED = {"digits": 0.01, "fashion": 0.01, "cifar10_small": 0.01, "cifar10_resnet32": 0.01}


@pytest.mark.parametrize("suite", TRAINED)
def test_the_suites_warm_up_from_what_they_always_did_to_the_last_bit(suite):
    assert load_suite(suite).recipe.warmup_lr == TRAINED[suite]
    assert load_suite(suite).recipe.facts()["warmup_lr"] == TRAINED[suite]


def test_the_check_warms_up_from_what_it_always_did():
    assert RECIPE.warmup_lr == 1e-4


@pytest.mark.parametrize(("lr", "start", "rate"), [(0.1, 0.1, 0.01), (1e-3, 0.1, 1e-4), (0.3, 0, 0.0), (0.7, 1, 0.7)])
def test_the_warm_up_begins_at_a_fraction_of_lr(lr, start, rate):
    assert Recipe(epochs=1, batch=1, lr=lr, warmup_start=start).warmup_lr == rate


@pytest.mark.parametrize(("optimizer", "lr"), [("adamw", 1e-3), ("sgd", 0.1)])
def test_a_warm_up_leads_upwards_whatever_the_rate(optimizer, lr):
    recipe = Recipe(epochs=2, batch=8, optimizer=optimizer, lr=lr, warmup_epochs=1)
    method = make(load_method("e2ebp"), "ResNet", 2)
    (made,) = list(build_optimizers(method, recipe, method.phases()[0]).values())[:1]
    scheduler, rates = build_scheduler(made, recipe, steps_per_epoch=10, epochs=2), []
    for step in range(20):
        scheduler.step_update(step)
        rates.append(made.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(lr / 10)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) <= lr


PLAIN = {"epochs": 20, "batch": 8, "lr": 0.1}


def rates(**said):
    """The rate of each step of 20 epochs of 5 steps."""
    recipe = Recipe(**PLAIN, **said)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], recipe.lr)
    scheduler, seen = build_scheduler(optimizer, recipe, steps_per_epoch=5, epochs=20), []
    for step in range(100):
        scheduler.step_update(step)
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def test_steps_multiply_the_rate_from_each_milestone_on():
    assert rates(schedule="steps", milestones=[0.5, 0.75], gamma=0.1) == pytest.approx(
        [0.1] * 50 + [0.01] * 25 + [0.001] * 25
    )


def test_steps_are_those_of_torch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    scheduler, expected = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60, 80], 0.2), []
    for _ in range(100):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates(schedule="steps", milestones=[0.3, 0.6, 0.8], gamma=0.2) == pytest.approx(expected)


def test_a_warm_up_is_the_beginning_of_any_schedule():
    ramp = [0.01 + t * 0.009 for t in range(10)]
    assert rates(schedule="constant") == [0.1] * 100
    assert rates(schedule="constant", warmup_epochs=2) == pytest.approx([*ramp, *[0.1] * 90])
    stepped = rates(schedule="steps", milestones=[0.5], gamma=0.5, warmup_epochs=2)
    assert stepped == pytest.approx([*ramp, *[0.1] * 40, *[0.05] * 50])


def test_what_is_not_said_is_not_among_the_facts():
    plain = Recipe(**PLAIN)
    assert not {"schedule", "milestones", "gamma", "precision"} & plain.facts().keys()
    assert Recipe(**PLAIN, precision="fp32", schedule="cosine", gamma=None).facts() == plain.facts()
    assert Recipe.model_validate(plain.model_dump()) == plain
    said = {"schedule": "steps", "milestones": [0.5], "gamma": 0.1, "precision": "bf16"}
    assert Recipe(**PLAIN, **said).facts() == {**plain.facts(), **said}


SUITE = "s: {title: t, dataset: digits, backbones: [{name: b}], modules: [2], seeds: 1, validation: 0.1, recipe: %s}"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("warmup_lr: 0.01", "there is no warmup_lr: say warmup_start, the fraction of lr"),
        ("warmup_start: 10", "recipe.warmup_start: Input should be less than or equal to 1"),
        ("warmup_start: -0.1", "recipe.warmup_start: Input should be greater than or equal to 0"),
        ("warmup_start: .nan", "recipe.warmup_start"),
        ("schedule: steps", "recipe: schedule: steps needs milestones .* and gamma"),
        ("schedule: steps, milestones: [0.5]", "recipe: schedule: steps needs milestones .* and gamma"),
        ("schedule: steps, milestones: [], gamma: 0.1", "recipe: schedule: steps needs milestones .* and gamma"),
        ("milestones: [0.5]", "recipe: milestones belongs to schedule: steps, and the schedule is cosine"),
        ("schedule: constant, gamma: 0.1", "recipe: gamma belongs to schedule: steps, and the schedule is constant"),
        ("schedule: steps, milestones: [0.5, 0.5], gamma: 0.1", "ascending fractions between 0 and 1"),
        ("schedule: steps, milestones: [80, 120], gamma: 0.1", "ascending fractions between 0 and 1"),
        ("schedule: steps, milestones: [0.5], gamma: 0", "recipe.gamma: Input should be greater than 0"),
        ("schedule: linear", "recipe.schedule: Input should be 'cosine', 'steps' or 'constant'"),
        ("precision: fp16", "recipe.precision: Input should be 'fp32', 'tf32' or 'bf16'"),
    ],
)
def test_a_slip_is_refused_in_a_sentence(tmp_path, said, sentence):
    path = tmp_path / "suites.yaml"
    path.write_text(SUITE % f"{{epochs: 1, batch: 8, lr: 0.1, {said}}}")
    with pytest.raises(UserError, match=sentence):
        load_suites(path)


BLOCKS = {
    "digits": "cd0545c262207573",
    "cifar10_small": "a6a3a7929651fb2a",
}


@pytest.mark.parametrize("suite", BLOCKS)
def test_what_finished_cells_are_kept_under_has_not_moved(suite):
    facts = load_suites(ROOT / "suites.yaml")[suite].recipe.facts()
    assert hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16] == BLOCKS[suite]
