"""Batches in parts, in one process or several: the same training as with the whole batch at once."""

import pytest
import torch
from shared_steps import PAPERS, apart, batches, build, compared, train

from benchmark.engine.training import averaging
from benchmark.engine.training.averaging import Averaging, Sharing
from benchmark.errors import UserError
from benchmark.running.worker import check_shares
from benchmark.schema.recipe import Recipe

SAME = 1e-9  # relative, of float64
ONCE = {name: (name, options, k, 1, True) for name, (options, k) in PAPERS.items()}


@pytest.fixture(scope="module")
def found():
    """All that two processes are to show, in one start of them."""
    in_parts = {f"{name} in parts": (name, *PAPERS[name], 4, False) for name in ("e2ebp", "infopro")}
    skipping = {"one module apart": ("dgl", {}, 3, 1, True, 1)}
    return compared(2, {**ONCE, **in_parts, **skipping})


@pytest.mark.parametrize("name", ONCE)
def test_two_processes_train_as_one_with_the_whole_batch(name, found):
    assert max(found[name]) < SAME


@pytest.mark.parametrize("name", ["e2ebp", "infopro"])
def test_parts_are_the_same_in_one_process_as_in_two(name, found):
    assert max(found[f"{name} in parts"]) < SAME


def test_a_module_whose_gradients_are_not_averaged_is_seen(found):
    assert found["one module apart"][1] > 1e-4


def test_the_mean_of_parts_is_the_gradient_of_the_batch_where_no_pictures_are_compared():
    whole, parts = (train(build("e2ebp", {}, 3, norms=False), batches(), Sharing(n)) for n in (1, 4))
    assert max(apart(parts, whole)) < SAME


def test_a_pipeline_cannot_make_its_batches_in_parts():
    method = build("ddg", {}, 3)
    with pytest.raises(UserError, match="is a pipeline"):
        Averaging(method, {}, "fp32", Sharing(2))


def test_parameters_leave_from_the_last_to_the_first_in_buckets():
    parameters = [torch.nn.Parameter(torch.zeros(n)) for n in (3, 4, 5)]
    buckets = averaging.in_buckets(parameters, 36)
    assert [[len(p) for p in bucket.parameters] for bucket in buckets] == [[5, 4], [3]]


@pytest.mark.parametrize(
    ("said", "processes", "sentence"),
    [
        ({"batch": 9}, 2, "cannot be shared out equally among 2 processes"),
        ({"batch": 8, "mixup": 0.2}, 2, "mix the pictures of a whole batch"),
        ({"batch": 12, "parts": 3}, 2, "3 parts of a batch cannot"),
        ({"batch": 12, "parts": 4, "norms": "synchronised"}, 2, "--gpus-per-cell 4"),
    ],
)
def test_batches_that_cannot_be_shared_out_are_refused(said, processes, sentence):
    with pytest.raises(UserError, match=sentence):
        check_shares(Recipe(epochs=1, lr=0.1, **said), processes)
