"""Whether a paper's figure came out again: the rule by hand, and which of our rows it is about."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from records import make_record, write_runs

from benchmark.schema.suite import load_suites
from benchmark.tables.board import leaderboard, rounded
from benchmark.tables.cells import load
from benchmark.tables.claims import METHODS, claims
from benchmark.tables.files import papers_figures
from benchmark.tables.reproduced import allowed_difference, summary, verdicts

PAPER = {"suite": "papers_small_mlp_mnist", "dataset": "mnist", "backbone": "local_loss_mlp", "recipe": "paper"}
FIGURES = papers_figures(ROOT / "results" / "published.csv")


def board_of(tmp_path: Path, *records) -> pd.DataFrame:
    write_runs(tmp_path / "runs", *records)
    return leaderboard(load(tmp_path / "runs"))


def beside(tmp_path: Path, *records) -> pd.DataFrame:
    """The claims that got a verdict."""
    table = claims(rounded(board_of(tmp_path, *records)), FIGURES)
    return table[table["verdict"].notna()]


def test_without_spreads_the_rule_is_that_of_drawing_test_pictures():
    row = pd.DataFrame([{"published": 8.37, "published_std": None, "ours": 9.0, "ours_half": None, "n_ok": 1}])
    here, theirs = 9.0 * 91.0 / 10_000, 8.37 * 91.63 / 10_000  # variances, points²
    assert allowed_difference(row).item() == pytest.approx(2 * (here + theirs) ** 0.5 + 0.005)


def test_known_spreads_are_those_over_seeds():
    half = 4.302653 * 0.3 / 3**0.5  # of the 95 % t interval of three seeds with s = 0.3
    row = pd.DataFrame([{"published": 10.6, "published_std": 0.4, "ours": 10.0, "ours_half": half, "n_ok": 3}])
    assert allowed_difference(row).item() == pytest.approx(2 * 0.5 + 0.05, abs=1e-5)


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(0.99, "reproduced"), (-1.0, "reproduced"), (1.01, "not reproduced"), (-3.0, "not reproduced")],
)
def test_a_verdict_is_of_the_difference_in_both_directions(difference, verdict):
    assert verdicts(pd.DataFrame({"difference": [difference], "allowed": [1.0]})).tolist() == [verdict]


def test_what_was_not_run_has_no_verdict():
    table = pd.DataFrame({"difference": [None, 1.0], "allowed": [1.0, None]}, dtype=float)
    assert verdicts(table).isna().all()


def test_a_run_by_the_papers_recipe_is_judged(tmp_path):
    records = [make_record("e2ebp", 1, 0, 99.2, **PAPER), make_record("predsim", 4, 0, 97.0, variant="pred", **PAPER)]
    found = beside(tmp_path, *records).set_index("method")
    assert found["verdict"].to_dict() == {"e2ebp": "reproduced", "local_pred": "not reproduced"}
    assert found.loc["e2ebp", ["published", "ours", "difference"]].tolist() == pytest.approx([0.75, 0.8, 0.05])
    assert found.loc["local_pred", "our_modules"] == 4
    assert set(found["setting"]) == set(found["suite"]) == {"papers_small_mlp_mnist"}


@pytest.mark.parametrize("changes", [{"recipe": None}, {"recipe": "tuned"}, {"suite": "other"}, {"status": "diverged"}])
def test_no_other_run_is_judged(tmp_path, changes):
    assert beside(tmp_path, make_record("e2ebp", 1, 0, 99.2, **PAPER | changes)).empty


def test_two_figures_of_one_network_are_told_apart_by_their_suites(tmp_path):
    lenet = {"dataset": "cifar10", "backbone": "biotorch_lenet", "recipe": "paper"}
    record = make_record("e2ebp", 1, 0, 84.0, suite="papers_small_lenet_cifar10_adam_bp", **lenet)
    found = beside(tmp_path, record)
    assert found[["published", "ours", "verdict"]].to_numpy().tolist() == [[15.92, 16.0, "reproduced"]]


def test_the_summary_counts_figures_once(tmp_path):
    nothing = claims(board_of(tmp_path), FIGURES)
    assert summary(nothing).endswith(" 0 have a run of the same setting here: 0 reproduced, 0 not.")
    pred = make_record("predsim", 4, 0, 90.0, variant="pred", **PAPER)
    records = [make_record("e2ebp", 1, 0, 99.2, **PAPER), pred]
    table = claims(rounded(board_of(tmp_path, *records)), FIGURES)
    said = f"Of {len(table)} published figures, 2 have a run of the same setting here: 1 reproduced, 1 not."
    assert summary(table) == said == summary(pd.concat([table, table]))


def test_every_setting_is_a_suite_that_trains_the_method_by_a_papers_recipe():
    suites = load_suites(ROOT / "suites.yaml")
    ours = {theirs: pair for pair, theirs in METHODS.items()}
    for row in FIGURES.dropna(subset="suite").to_dict("records"):
        method, variant = ours.get(row["method"], (row["method"], ""))
        suite = suites[row["suite"]]
        assert list(suite.seeds) == ["paper"]
        assert method in suite.methods
        assert variant == "" or variant in suite.variants
        assert suite.dataset.replace("_", "") == row["dataset"].lower().replace("-", "")
    named = {name for name in suites if name.startswith("papers_small_")}
    assert named == set(FIGURES["suite"].dropna())
    assert FIGURES["suite"].notna().sum() >= 12
