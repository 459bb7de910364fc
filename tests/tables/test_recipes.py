"""Rows of several recipes, and references of other epochs, never mix."""

import io
import json

import pandas as pd
from records import make_record, write_own_tables, write_runs
from rich.console import Console

from benchmark.display.reading import read_board, read_cells
from benchmark.tables.board import leaderboard
from benchmark.tables.cells import load
from benchmark.tables.kinds import other_kind
from benchmark.tables.reproductions import reproductions
from benchmark.tables.terminal import print_leaderboard

SUITE = """digits:
  title: for tests
  dataset: digits
  backbones: [{name: cifar_resnet20}]
  modules: [4]
  recipe: {epochs: 4, batch: 64, lr: 0.1}
  seeds: {shared: 1, tuned: 3}
  reference: [2]
  validation: 0.1
"""


def two_recipes():
    """The shared recipe, and the tuned one by which ``dgl`` beats ``trgl``; and a reference, better than both."""
    records = [make_record(seed=0, top1=90.0), make_record("dgl", 4, 0, 60.0), make_record("trgl", 4, 0, 85.0)]
    for s in range(3):
        records += [make_record(seed=s, top1=95.0 + s, recipe="tuned"), make_record("dgl", 4, s, 94.0, recipe="tuned")]
        records += [make_record("trgl", 4, s, 86.0, recipe="tuned")]
        records += [make_record(seed=s, top1=98.0 + s, recipe="tuned", times=2.0, epochs=8)]
    return records


def board_of(tmp_path, suites=SUITE, records=None):
    write_runs(tmp_path / "runs", *(records or two_recipes()))
    if suites:
        (tmp_path / "suites.yaml").write_text(suites)
    return write_own_tables(tmp_path).set_index(["method", "recipe", "times"], drop=False).sort_index()


def plain(board):
    return board[board["times"].isna()].reset_index(drop=True).set_index(["method", "recipe"], drop=False)


def test_means_twins_and_marks_are_of_one_recipe(tmp_path):
    board = plain(board_of(tmp_path))
    assert board["test_top1_pct"].to_dict() == {
        ("e2ebp", "shared"): 90.0,
        ("dgl", "shared"): 60.0,
        ("trgl", "shared"): 85.0,
        ("e2ebp", "tuned"): 96.0,
        ("dgl", "tuned"): 94.0,
        ("trgl", "tuned"): 86.0,
    }
    assert board.loc[("dgl", "shared"), "vs_e2ebp_pct"] == -30.0
    assert board.loc[("dgl", "tuned"), "vs_e2ebp_pct"] == -2.0
    assert board["vs_best"].dropna().to_dict() == {("dgl", "tuned"): "best", ("trgl", "tuned"): "below"}
    assert board["n_asked"].to_dict() == {key: 1 if key[1] == "shared" else 3 for key in board.index}


def test_a_reference_is_neither_best_nor_ranked_nor_a_twin(tmp_path):
    board = board_of(tmp_path)
    (row,) = board[board["times"] == 2].to_dict("records")
    assert (row["test_top1_pct"], row["n_ok"], row["n_asked"]) == (99.0, 3, 3)
    assert pd.isna([row["rank_low"], row["vs_best"], row["vs_e2ebp_pct"]]).all()
    shown = read_board(tmp_path)
    (row,) = shown[shown["times"] == 2].to_dict("records")
    assert (row["kind"], row["comparable"], len(row["curve"])) == ("2 × epochs", False, 7)


def test_ranks_lead_and_metrics_are_of_the_leading_recipe(tmp_path):
    board = plain(board_of(tmp_path))
    assert board["rank_low"].dropna().to_dict() == {("dgl", "tuned"): 1, ("trgl", "tuned"): 2}
    assert set(board.loc[board["leads"] == "yes", "recipe"]) == {"tuned"}
    ranks = pd.read_csv(tmp_path / "ranking.csv", keep_default_na=False)
    assert set(ranks.loc[ranks["suite"] == "digits", "recipe"]) == {"tuned"}
    found = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "metrics" / "digits").iterdir()}
    assert found["dgl"]["top1"] == {"k4": 94.0}
    assert found["e2ebp"] == {"top1": {"k1": 96.0}}


def test_a_suite_that_is_not_defined_leads_with_what_it_has(tmp_path):
    assert set(board_of(tmp_path, suites="").query("leads == 'yes'")["recipe"]) == {"tuned"}
    paper = tmp_path / "paper"
    paper.mkdir()
    records = [make_record(seed=0), make_record(seed=0, recipe="paper")]
    assert set(board_of(paper, "", records).query("leads == 'yes'")["recipe"]) == {"paper"}


def test_a_method_without_its_tuned_cells_has_no_rank_and_says_why(tmp_path):
    records = [record for record in two_recipes() if record.identity.method != "dgl" or not record.identity.recipe]
    records += [make_record("man", 4, s, 80.0, recipe="tuned") for s in range(3)]
    board = plain(board_of(tmp_path, records=records))
    assert board["rank_low"].dropna().to_dict() == {("trgl", "tuned"): 1, ("man", "tuned"): 2}
    ranks = pd.read_csv(tmp_path / "ranking.csv").set_index(["suite", "method"])
    assert ranks.loc[("digits", "dgl"), "missing"] == "not run: tuned"


def test_a_suite_that_nobody_has_tuned_yet_is_ranked_as_it_stands(tmp_path):
    records = [make_record(m, 4, s, top1) for m, top1 in (("trgl", 90.0), ("dgl", 60.0)) for s in range(3)]
    board = plain(board_of(tmp_path, records=records))
    assert board["rank_low"].to_dict() == {("trgl", "shared"): 1, ("dgl", "shared"): 2}
    assert set(board["leads"]) == {"yes"}


def test_a_suite_of_a_few_methods_takes_no_overall_rank_away(tmp_path):
    few = SUITE.replace("digits:", "papers:", 1).replace("{shared: 1, tuned: 2}", "{paper: 1}")
    few = few.replace("  validation", "  methods: [e2ebp]\n  validation").replace("  reference: [2]\n", "")
    other = SUITE.replace("digits:", "more:", 1)
    records = [*two_recipes(), make_record(seed=0, suite="papers", recipe="paper")]
    records += [
        make_record(m, 4, s, top1, suite="more", recipe="tuned")
        for m, top1 in (("dgl", 60.0), ("trgl", 50.0))
        for s in range(3)
    ]
    board_of(tmp_path, SUITE + other + few, records)
    ranks = pd.read_csv(tmp_path / "ranking.csv").set_index(["suite", "method"])
    assert ranks.loc["overall", "rank_low"].to_dict() == {"dgl": 1, "trgl": 2}
    only = tmp_path / "only"
    only.mkdir()
    board_of(only, few, [make_record(seed=0, suite="papers", recipe="paper")])
    assert set(pd.read_csv(only / "ranking.csv")["suite"]) == {"papers"}


def test_the_terminal_shows_the_leading_recipe_first_and_names_references(tmp_path):
    text = io.StringIO()
    print_leaderboard(board_of(tmp_path).reset_index(drop=True), Console(file=text, width=100))
    tuned, shared = text.getvalue().split("digits: cifar_resnet20 ")
    assert tuned.strip().startswith("digits: cifar_resnet20, tuned")
    assert "2 × epochs" in tuned
    assert "× epochs" not in shared


def test_what_most_rows_are_is_asked_within_a_recipe(tmp_path):
    records = [make_record(m, 4, 0, 80.0) for m in ("dgl", "trgl", "fa")]
    records += [make_record("dgl", 4, 0, 80.0, recipe="tuned", protocol=2)]
    assert (other_kind(leaderboard(load(write_runs(tmp_path / "runs", *records)))) == "").all()


def test_cells_and_curves_know_their_recipe(tmp_path):
    board_of(tmp_path)
    cells = read_cells(tmp_path)
    for name in cells["record"]:
        assert (tmp_path / name).is_file(), name
    assert set(cells["recipe"]) == {"shared", "tuned"}
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert set(curves["recipe"]) == {"shared", "tuned"}
    assert curves.loc[curves["times"] == 2, "epoch"].tolist() == list(range(2, 9))


def test_reproductions_stand_beside_every_recipe_and_no_reference(tmp_path):
    board = board_of(tmp_path).reset_index(drop=True)
    published = pd.DataFrame(
        [("e2ebp", "digits", "cifar_resnet20", "1", "test_error_pct", 5.0, None, "a paper", None, None)],
        columns=["method", "dataset", "backbone", "modules", "metric", "value", "std", "source", "note", "suite"],
    )
    found = reproductions(board, published)
    assert found.set_index("recipe")["ours"].to_dict() == {"shared": 10.0, "tuned": 4.0}
