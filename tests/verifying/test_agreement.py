"""Whether two trainings agree: accuracy within the scatter of seeds, facts exactly, simulated costs nearly."""

from pathlib import Path

import pytest
from records import make_record

from benchmark.schema.record import read_record
from benchmark.tables.trust import FAILED, NEVER, OLDER
from benchmark.tables.verification import read_verification, standings
from benchmark.verifying.agreement import disagreements, same_place, tolerance_elsewhere, tolerance_of_a_run

COMMITTED = make_record("dgl", 4, 0, 80.0)


def row(method, k, *accuracies):
    return [make_record(method, k, s, a) for s, a in enumerate(accuracies)]


def elsewhere(record):
    return record.model_copy(update={"provenance": record.provenance.model_copy(update={"device": "Other CPU"})})


OTHERS = [*row("fa", 2, 80.0, 80.4), *row("man", 2, 70.0, 70.8), *row("gim", 2, 10.0, 40.0)]


def test_the_same_place_is_the_same_device_with_the_same_packages():
    packages = COMMITTED.provenance.model_copy(update={"versions": {"torch": "1"}})
    assert same_place(COMMITTED, make_record("dgl", 4, 0, 79.0))
    assert not same_place(COMMITTED, elsewhere(COMMITTED))
    assert not same_place(COMMITTED, COMMITTED.model_copy(update={"provenance": packages}))


def test_elsewhere_it_is_three_times_the_median_deviation_of_other_methods():
    own = row("dgl", 4, 0.0, 50.0, 100.0)
    assert tolerance_elsewhere(COMMITTED, [*own, *OTHERS]) == pytest.approx(3 * 0.8 / 2**0.5)


def test_no_scatter_allows_more_than_two_points_nor_less_than_half_a_point():
    assert tolerance_elsewhere(COMMITTED, OTHERS[-2:]) == 2.0
    assert tolerance_elsewhere(COMMITTED, row("fa", 2, 80.0, 80.0)) == 0.5
    assert tolerance_elsewhere(COMMITTED, row("dgl", 2, 80.0, 80.1)) == 2.0  # nothing is known
    edited = [r.model_copy(update={"digest": "0"}) for r in row("fa", 2, 80.0, 80.1)]
    assert tolerance_elsewhere(COMMITTED, edited) == 2.0


def test_a_whole_run_on_another_processor_may_differ_by_what_the_seeds_of_other_methods_scatter():
    own = row("dgl", 4, 0.0, 50.0, 100.0)
    committed = [*own, *row("mac", 4, 80.0, 82.0), *row("fa", 2, 70.0, 72.0, 74.0)]  # variances 2 and 4
    assert tolerance_of_a_run(COMMITTED, elsewhere(COMMITTED), committed) == pytest.approx(3 * 3**0.5)
    assert tolerance_of_a_run(COMMITTED, elsewhere(COMMITTED), [*own, *row("fa", 2, 70.0)]) == 0.5
    assert tolerance_of_a_run(COMMITTED, COMMITTED, committed) == 0.5


def test_the_committed_outcomes_are_valid_and_within_the_tolerance_of_today():
    records = [read_record(path) for path in sorted(Path("results/runs").glob("*/*/*.json"))]
    paths = sorted(Path("results/verified").glob("*/*/*.json"))
    current = {record.digest for record in records}
    told = [standing.verification for standing in standings(Path("results/verified"), records)]
    assert paths
    tried = [standing for standing in told if standing not in (NEVER, OLDER)]
    assert len(tried) == sum(read_verification(path).digest in current for path in paths)
    assert FAILED not in tried
    assert max(tolerance_elsewhere(record, records) for record in records[:20]) <= 2.0


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


def test_a_training_by_another_recipe_is_not_the_same_however_near_it_ends():
    known, other = (COMMITTED.model_copy(update={"recipe": {"lr": lr}}) for lr in (0.1, 0.2))
    assert disagreements(known, other, 0.5) == ["the recipes differ."]
    assert disagreements(known, known, 0.5) == disagreements(COMMITTED, known, 0.5) == []  # older records name none


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
