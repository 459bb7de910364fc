"""A picture is predicted for itself: cheats at test time are told from rounding, and no honest method is a cheat."""

from functools import partial

import pytest
import torch
from conftest import METHOD_IDS, ROOT, make_method, sampled
from torch import nn

from benchmark.engine.load import load_method
from benchmark.engine.measuring.company import (
    BATCH,
    SAMPLE,
    dependence,
    evaluate_twice,
    fresh_copy,
    other_company,
    unforeseeable,
)
from benchmark.engine.training.evaluate import accuracy, split_logits
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Diverged
from benchmark.errors import UserError
from benchmark.schema.plugins import load_class
from benchmark.submitting.check.problem import digits, make
from benchmark.submitting.check.worker import run_checks

HOSTILE = ROOT / "tests" / "hostile"
AT_TEST_TIME = (
    *("knows_the_order", "averages_neighbours", "batch_statistics", "counts_calls", "adapts_to_test"),
    *("honest_when_watched", "hides_in_a_class", "draws_at_random"),
)


@pytest.mark.parametrize("name", AT_TEST_TIME)
def test_a_check_finds_predictions_that_hang_on_more_than_the_picture(name):
    (finding,) = run_checks(HOSTILE / f"{name}.py", ["company"])
    assert not finding.passed
    assert finding.sentence.startswith("ResNet: The prediction for a picture hangs on more than the picture: ")


def test_a_check_names_logits_that_are_no_numbers():
    (finding,) = run_checks(HOSTILE / "no_numbers.py", ["company"])
    assert not finding.passed
    assert "of 270 held-out pictures are not finite." in finding.sentence


def test_what_a_file_keeps_in_its_module_is_not_there_in_a_copy_that_is_loaded_anew():
    def build():
        return make(load_class(HOSTILE / "remembers_answers.py", Method), "ResNet", 2)

    trained = build()
    del torch.__dict__["said_before"]  # what it cannot do in a process of its own
    with pytest.raises(UserError, match="hangs on more than the picture"):
        evaluate_twice(trained, fresh_copy(build, trained), digits(1)[1], "test")
    del torch.__dict__["said_before"]


class Ensemble(load_method("greedy_sl")):
    """Predicts by its auxiliary classifiers, which it does not count among what is deployed."""

    def predict(self, x):
        return sum(self.auxiliaries[k](h) for k, h in enumerate(self.chain(x)))


def test_what_predicts_and_is_said_to_be_thrown_away_is_found():
    def build(kind=Ensemble):
        return make(kind, "perceptron", 2)

    held_out = digits(1)[1]
    with pytest.raises(UserError, match="are thrown away after training: let `deployed` return every network"):
        evaluate_twice(build(), fresh_copy(build, build()), held_out, "held-out")
    whole = partial(build, type("Whole", (Ensemble,), {"deployed": lambda self: (self.modules, self.auxiliaries)}))
    evaluate_twice(whole(), fresh_copy(whole, whole()), held_out, "held-out")


@pytest.mark.parametrize("name", sampled(METHOD_IDS, 3))  # of all: whoever has a record with an accuracy
def test_no_committed_method_is_taken_for_a_cheat(name, digits, loader):
    method = make_method(name, 2, digits)
    copy = fresh_copy(lambda: make_method(name, 2, digits, seed=1), method)
    assert torch.equal(evaluate_twice(method, copy, loader, "test"), split_logits(method, loader))


def test_a_copy_has_the_weights_and_buffers_and_no_attribute(digits):
    trained = make_method("e2ebp", 2, digits)
    for buffer in trained.modules.buffers():
        buffer.add_(1)
    trained.seen = 5
    copy = fresh_copy(lambda: make_method("e2ebp", 2, digits, seed=1), trained)
    states = copy.modules.state_dict(), trained.modules.state_dict()
    assert all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))
    assert not hasattr(copy, "seen")
    trained.modules[0].append(nn.Linear(2, 2))
    with pytest.raises(UserError, match="no place for the trained weights"):
        fresh_copy(lambda: make_method("e2ebp", 2, digits), trained)


@pytest.mark.parametrize("pictures", [1, 5, 100, 10_000])
def test_each_picture_of_a_sample_is_shown_alone_or_beside_copies_of_one_other(pictures):
    batches = other_company(pictures, unforeseeable())
    assert {len(batch) for batch in batches} <= {1, BATCH}
    for batch in batches:
        counts = batch.unique(return_counts=True)[1]
        assert (counts > 1).sum() <= 1
    shown = torch.cat(batches).unique()
    assert min(pictures, SAMPLE) <= len(shown) <= pictures
    assert pictures < 100 or any(len(batch) == 1 for batch in batches)


def test_nobody_can_foretell_the_sample():
    assert len({tuple(other_company(10_000, unforeseeable())[0].tolist()) for _ in range(20)}) > 15


def found(pictures=200, classes=10):
    return torch.randn(pictures, classes, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda x: x + 1e-5 * torch.randn_like(x), False),
        (lambda x: x + 3, False),  # ranks the same
        (lambda x: x.index_add(0, torch.arange(4), torch.rand(4, 10)), False),  # 2 % of the pictures
        (lambda x: x.index_add(0, torch.arange(9), 9 * torch.eye(10)[:9]), True),
        (lambda x: x + 0.1 * torch.randn_like(x), True),
        (lambda x: x.roll(1, 0), True),
        (lambda x: torch.full_like(x, float("nan")), True),
        (lambda x: 2 * x, True),
    ],
)
def test_logits_may_differ_by_rounding(change, refused):
    first, order = found(), torch.randperm(200)
    assert bool(dependence(first, change(first)[order], order, "test")) == refused


def test_no_huge_logit_hides_another_answer():
    first, order = found(), torch.arange(200)
    first[:, 0] = -1e6
    first[0, 1] = 1e9
    second = torch.cat([first[:, :1], first[:, 1:].roll(1, 1)], 1)
    assert "200 test pictures" in dependence(first, second, order, "test")


def test_logits_that_are_not_finite_are_diverged_and_their_number_and_split_are_said(digits, loader):
    method = make_method("e2ebp", 1, digits)
    honest = method.predict
    method.predict = lambda x: honest(x).index_fill(0, torch.tensor([3, 5]), float("inf"))
    with pytest.raises(Diverged, match=r"^The logits of 10 of 320 validation pictures are not finite\.$"):
        accuracy(method, loader, split="validation")


@pytest.mark.parametrize("wrong", [lambda x: x.flatten(1)[:, :9], lambda x: x.flatten(1)[:1, :10], lambda x: x])
def test_a_prediction_that_has_no_row_a_picture_and_column_a_class_is_refused(digits, loader, wrong):
    method = make_method("e2ebp", 1, digits)
    method.predict = wrong
    with pytest.raises(UserError, match="it must return logits of the shape"):
        accuracy(method, loader)
