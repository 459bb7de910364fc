"""The picture of gaps: what stands in which column, and where; the traits, and the first page's lead."""

import re

import pandas as pd
import pytest
from records import make_record, write_own_tables, write_runs

from benchmark.display import gap, survey
from benchmark.display.branches import BRANCHES, NOT_PLACED
from benchmark.display.lead import lead
from benchmark.display.reading import read_board, read_methods
from benchmark.display.traits import UNKNOWN, with_traits
from benchmark.schema.plugins import METHODS, method_metadata, plugin_ids

CIFAR = {"suite": "cifar10", "dataset": "cifar10", "backbone": "cifar_resnet32"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    records = [make_record("e2ebp", 1, s, 90.0 + s, **CIFAR) for s in range(3)]
    records += [make_record("dgl", k, s, 90.0 + s - k, **CIFAR) for k in (2, 4) for s in range(3)]
    records += [make_record("gradient_checkpointing", 4, s, 90.0 + s, **CIFAR) for s in range(3)]
    records += [make_record("mac", 4, 0, 80.0, **CIFAR), make_record("fa", 4, 0, status="diverged", **CIFAR)]
    records += [make_record("drtp", 4, s, 89.0 + s, status="diverged" if s == 2 else "ok", **CIFAR) for s in range(3)]
    alone = [make_record(name, k, 0, 99.0) for name, k in (("e2ebp", 1), ("dgl", 2))]  # another suite: digits
    write_runs(folder / "runs", *records, *alone)
    write_own_tables(folder)
    return folder


def cells(results):
    """By method: the cells of its row in the picture."""
    board = read_board(results)
    said = gap.said_of_methods(board, read_methods(results))
    rows = str(gap.gap_table(gap.gap_columns(board), said, lambda name: f"#{name}")).split("<tr data-")[1:]
    return {re.search(r'href="#(\w+)"', row)[1]: row.split("<td")[1:] for row in rows}


def test_points_lines_and_empty_cells_are_where_they_belong(results):
    found = cells(results)
    assert not {"e2ebp", "gradient_checkpointing"} & set(found)  # references are lines
    two, four = found["dgl"]
    assert f'bb-point at{gap.place(-2)}"' in two
    assert "−4.00 ± 0.00 points, 3 seeds" in four
    assert f'bb-line at{gap.place(0)}"' in four
    assert "bb-line" not in two  # gradient checkpointing was not run at K = 2
    assert "not run" in found["mac"][0]
    assert "bb-hollow" in found["mac"][1]
    assert "did not finish" in found["fa"][1]
    assert "bb-lossy" not in four
    assert "bb-lossy" in found["drtp"][1]  # of three seeds one diverged, which its mean leaves out
    assert "−1.00 ± 0.00 points, 2 seeds; 1 of 3 diverged" in found["drtp"][1]


def test_a_suite_of_one_method_has_no_column(results):
    assert [column.name for column in gap.gap_columns(read_board(results))] == ["cifar10, K = 2", "cifar10, K = 4"]


def test_the_lead_says_that_seeds_are_still_to_come(results):
    board = read_board(results)
    args = pd.DataFrame(columns=["method", "metric"]), {}, 51
    assert "Not complete" not in lead("cifar10", board.assign(n_asked=1), *args)
    assert "Not complete" not in lead("cifar10", board.assign(n_asked=1, n_ok=0), *args), "they failed, and were run"
    assert "4 of 51 methods were run there (1 of them did not finish)" in lead("cifar10", board, *args)
    said = lead("cifar10", board.assign(n_asked=3), *args)
    assert "Not complete: of 3 seeds that are asked for, its rows have 1 to 3 so far." in said
    assert "Ranks are among" not in said
    ranked = board.assign(n_asked=3, rank_low=board["rank_low"].where(board["method"] != "dgl", 1))
    assert "so far. Ranks are among the 1 method that lacks none." in lead("cifar10", ranked, *args)


def test_the_axis_keeps_order_and_ends():
    assert gap.place(gap.LOW) == gap.place(-100) == 0
    assert gap.place(gap.HIGH) == gap.place(50) == gap.STEPS
    ticks = [gap.place(tick) for tick in gap.TICKS]
    assert ticks == sorted(set(ticks))


def test_hidden_modules_need_the_least_of_the_labels_that_were_used(tmp_path):
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "still.json").write_text('{"leaves": ["hidden", "output"]}')
    rows = [
        ("a", "9 full, 9 pairs"),
        ("a", ""),
        ("b", "9 full"),
        ("c", "9 full, 9 none"),
        ("still", ""),
        ("d", ""),
    ]
    board = pd.DataFrame([{"method": m, "labels": said, "removes": ""} for m, said in rows])
    found = with_traits(board, tmp_path)
    assert list(found["hidden_labels"]) == ["pairs", "pairs", "full", "none", "none", UNKNOWN]
    assert set(found["locks"]) == {"none"}


def test_every_method_has_one_branch_and_a_new_one_is_said_not_to_be_placed():
    placed = [name for branch in BRANCHES for name in branch.methods]
    assert len(placed) == len(set(placed))
    assert set(placed) == set(plugin_ids(METHODS))  # else: add it in benchmark/display/branches.py
    said = {name: method_metadata(METHODS / f"{name}.py") | {"hidden_labels": "full"} for name in placed}
    drawn = str(survey.tree({**said, "new": said["dgl"]}, lambda name: f"#{name}"))
    assert drawn.count("<a ") == len(placed) + 1
    assert "#new" in drawn.split(NOT_PLACED)[1]
