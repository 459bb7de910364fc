"""The gap to backpropagation at equal compute, against values worked out by hand."""

import math

import pandas as pd
import pytest
from records import make_record, write_own_tables, write_runs

from benchmark.tables.board import leaderboard
from benchmark.tables.cells import load
from benchmark.tables.equal_compute import accuracy_at
from benchmark.tables.reference import reference

CURVE = {10.0: 80.0, 20.0: 84.0, 80.0: 88.0}
T_975 = 12.706205  # Student's t, one degree of freedom
GIGA = 10**9


def twin(seed, top1, times=None, **more):
    """The twin's run of so many times ten epochs, of one GFLOP each."""
    epochs = round(10 * (times or 1))
    return make_record("e2ebp", 1, seed, top1, times=times, epochs=epochs, train_flops=epochs * GIGA, **more)


def gaps(tmp_path, *records):
    board = leaderboard(load(write_runs(tmp_path / "runs", *records)))
    (row,) = board[board["method"] == "dgl"].to_dict("records")
    return row


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (10, 80.0),
        (20, 84.0),
        (10 * 2**0.5, 82.0),  # half of the way in the logarithm
        (40, 86.0),  # log 40 is halfway between log 20 and log 80
        (9.9, 80.0),  # within 2 % of the end: as at the end
        (81.5, 88.0),
        (9.7, None),  # never extrapolated
        (82, None),
        (0, None),
    ],
)
def test_accuracy_is_linear_in_the_logarithm_and_ends_where_the_runs_do(compute, expected):
    found = accuracy_at(CURVE, compute)
    assert math.isnan(found) if expected is None else found == pytest.approx(expected)


def test_one_run_is_no_curve():
    assert math.isnan(accuracy_at({10.0: 80.0}, 10))
    assert math.isnan(accuracy_at({}, 10))


def test_gaps_are_paired_by_seed_at_all_epochs_and_at_all_flops(tmp_path):
    twins = [twin(0, 80.0), twin(0, 84.0, 2.0), twin(0, 86.0, 4.0), twin(1, 82.0), twin(1, 84.0, 2.0)]
    # 20 epochs, of which each costs as many FLOPs as 10 * sqrt(2) / 20 of the twin's
    flops = round(10 * 2**0.5 * GIGA)
    ours = [make_record("dgl", 4, s, a, epochs=20, train_flops=flops) for s, a in ((0, 83.0), (1, 80.0))]
    row = gaps(tmp_path, *twins, *ours)
    # against the twin of ten epochs: 83 - 80 and 80 - 82
    assert (row["vs_e2ebp_pct"], row["n_pairs"]) == (pytest.approx(0.5), 2)
    # at 20 epochs: 83 - 84 and 80 - 84, so -2.5 and s = 3 / sqrt(2)
    assert (row["equal_epochs_pct"], row["n_equal_epochs"]) == (pytest.approx(-2.5), 2)
    assert row["equal_epochs_half_pct"] == pytest.approx(T_975 * 3 / 2, rel=1e-5)
    # at 14.1 GFLOP: 83 - 82 and 80 - 83
    assert (row["equal_flops_pct"], row["n_equal_flops"]) == (pytest.approx(-1.0), 2)
    assert row["equal_flops_half_pct"] == pytest.approx(T_975 * 4 / 2, rel=1e-5)
    assert (row["epochs"], row["train_tflops"]) == (20, pytest.approx(0.0141421356))


def test_a_seed_without_a_curve_is_no_pair(tmp_path):
    twins = [twin(0, 80.0), twin(0, 84.0, 2.0), twin(1, 82.0), twin(2, 84.0, 2.0)]
    twins += [make_record("e2ebp", 1, 1, times=2.0, status="diverged")]
    ours = [make_record("dgl", 4, s, 80.0, epochs=20, train_flops=20 * GIGA) for s in range(3)]
    row = gaps(tmp_path, *twins, *ours)
    assert (row["equal_epochs_pct"], row["n_equal_epochs"]) == (pytest.approx(-4.0), 1)
    assert pd.isna(row["equal_epochs_half_pct"])
    assert (row["vs_e2ebp_pct"], row["n_pairs"]) == (pytest.approx(-1.0), 2)  # seed 2 has no twin of ten epochs


def test_a_run_that_diverged_in_the_middle_is_left_out_of_the_curve(tmp_path):
    twins = [twin(0, 80.0), make_record("e2ebp", 1, 0, times=2.0, status="diverged"), twin(0, 86.0, 4.0)]
    row = gaps(tmp_path, *twins, make_record("dgl", 4, 0, 80.0, epochs=20, train_flops=20 * GIGA))
    assert row["equal_epochs_pct"] == pytest.approx(80 - 83)  # log 20 is halfway between log 10 and log 40


def test_a_row_beyond_the_curve_or_that_diverged_has_no_gap(tmp_path):
    twins = [twin(0, 80.0), twin(0, 84.0, 2.0)]
    row = gaps(tmp_path, *twins, make_record("dgl", 4, 0, 83.0, epochs=15, train_flops=21 * GIGA))
    assert row["n_equal_epochs"] == 1
    assert (pd.isna(row["equal_flops_pct"]), row["n_equal_flops"]) == (True, 0)
    (tmp_path / "other").mkdir()
    row = gaps(tmp_path / "other", *twins, make_record("dgl", 4, 0, status="diverged"))
    assert (row["n_equal_epochs"], row["n_equal_flops"]) == (0, 0)


def test_records_without_flops_have_the_gap_at_equal_epochs_alone(tmp_path):
    twins = [twin(0, 80.0), twin(0, 84.0, 2.0)]
    row = gaps(tmp_path, *twins, make_record("dgl", 4, 0, 83.0, epochs=20))
    assert row["equal_epochs_pct"] == pytest.approx(-1.0)
    assert pd.isna(row["equal_flops_pct"])
    assert pd.isna(row["train_tflops"])


def test_another_recipes_runs_are_no_curve(tmp_path):
    twins = [twin(0, 80.0), twin(0, 90.0, recipe="tuned"), twin(0, 94.0, 2.0, recipe="tuned")]
    row = gaps(tmp_path, *twins, make_record("dgl", 4, 0, 83.0, epochs=20, train_flops=20 * GIGA))
    assert row["n_equal_epochs"] == 0


def test_the_reference_table_is_the_twins_rows_by_length(tmp_path):
    runs = [twin(s, a + s, times) for s in range(2) for times, a in ((0.5, 70.0), (None, 80.0), (4.0, 88.0))]
    write_runs(tmp_path / "runs", *runs, make_record("dgl", 4, 0, 80.0), twin(0, 60.0, backbone="vgg8b"))
    board = write_own_tables(tmp_path)
    table = pd.read_csv(tmp_path / "reference.csv")
    assert table["times"].tolist() == [0.5, 1.0, 4.0]
    assert table["epochs"].tolist() == [5, 10, 40]
    assert table["test_top1_pct"].tolist() == [70.5, 80.5, 88.5]
    assert table["train_tflops"].tolist() == [0.005, 0.01, 0.04]
    assert set(table["n_ok"]) == {2}
    assert set(table["backbone"]) == {"cifar_resnet20"}  # vgg8b has one length alone
    assert reference(board[board["method"] == "dgl"]).empty


def test_a_twin_of_one_length_is_no_reference(tmp_path):
    write_runs(tmp_path / "runs", twin(0, 80.0), twin(0, 80.0, backbone="vgg8b"), make_record("dgl", 4, 0, 80.0))
    write_own_tables(tmp_path)
    assert pd.read_csv(tmp_path / "reference.csv").empty
