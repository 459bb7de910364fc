"""Whether two trainings agree: accuracy within the scatter of seeds, facts exactly, simulated costs nearly."""

import pytest
from records import make_record

from benchmark.verifying.agreement import accuracy_tolerance, disagreements

COMMITTED = make_record("dgl", 4, 0, 80.0)


def test_the_tolerance_is_three_deviations_pooled_over_rows_and_half_a_point_at_least():
    two = [make_record("dgl", 2, s, a) for s, a in enumerate((80.0, 82.0))]  # variance 2
    four = [make_record("dgl", 4, s, a) for s, a in enumerate((70.0, 72.0, 74.0))]  # variance 4
    assert accuracy_tolerance([*two, *four]) == pytest.approx(3 * 3**0.5)
    assert accuracy_tolerance([make_record("dgl", 2, 0, 80.0)]) == 0.5
    assert accuracy_tolerance([make_record("dgl", 2, s, 80.0) for s in range(3)]) == 0.5


def test_an_equal_training_agrees_and_time_does_not_matter():
    cost = COMMITTED.cost.model_copy(update={"time_ratio": None, "step_seconds": 9.0, "train_seconds": 9.0})
    assert disagreements(COMMITTED, COMMITTED.model_copy(update={"cost": cost}), 0.5) == []


def test_accuracy_may_differ_by_the_tolerance():
    assert disagreements(COMMITTED, make_record("dgl", 4, 0, 80.5), 0.5) == []
    assert disagreements(COMMITTED, make_record("dgl", 4, 0, 79.4), 0.5) == ["test accuracy differs by 0.60 points."]


@pytest.mark.parametrize(
    ("update", "fault"),
    [
        ({"cuts": ["a", "b", "c"]}, "the cut points differ."),
        ({"labels": {"none": 1}}, "the labels consumed differ."),
        ({"isolation": "leaks"}, "the findings on isolation differ."),
        ({"options": {"width": 9}}, "the options differ."),
        ({"cost": None}, "only one of them says what it costs."),
        ({"status": "diverged", "accuracy": None}, "ended diverged, committed ok."),
    ],
)
def test_each_fact_is_compared(update, fault):
    assert disagreements(COMMITTED, COMMITTED.model_copy(update=update), 0.5) == [fault]


@pytest.mark.parametrize(
    ("update", "fault"),
    [
        ({"parameters": 1}, "the number of parameters differs."),
        ({"auxiliary_parameters": 1}, "the number of parameters differs."),
        ({"peak_bytes": 111_000_000}, "the simulated peak memory differs by more than 10%."),
        ({"peak_ratio": 0.8}, "the simulated memory ratio differs by more than 10%."),
        ({"flops_ratio": None}, "the simulated FLOP ratio differs by more than 10%."),
        ({"flops_ratio": 0.0}, "the simulated FLOP ratio differs by more than 10%."),
        ({"flops_ratio": 0.5}, "the simulated FLOP ratio differs by more than 10%."),
    ],
)
def test_each_cost_is_compared(update, fault):
    changed = COMMITTED.model_copy(update={"cost": COMMITTED.cost.model_copy(update=update)})
    assert disagreements(COMMITTED, changed, 0.5) == [fault]


def test_a_record_that_claims_to_cost_nothing_does_not_agree():
    free = COMMITTED.model_copy(update={"cost": COMMITTED.cost.model_copy(update={"flops_ratio": 0.0})})
    assert disagreements(free, COMMITTED, 0.5) == ["the simulated FLOP ratio differs by more than 10%."]


def test_memory_may_differ_by_a_tenth():
    cost = COMMITTED.cost.model_copy(update={"peak_bytes": 109_000_000, "peak_ratio": 1.09})
    assert disagreements(COMMITTED, COMMITTED.model_copy(update={"cost": cost}), 0.5) == []
