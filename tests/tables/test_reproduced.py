"""Whether a paper's figure came out again: the rule by hand, and which of our rows it is about."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from records import make_record, write_runs

from benchmark.schema.suite import cells, load_suites
from benchmark.tables.board import leaderboard, rounded
from benchmark.tables.cells import load
from benchmark.tables.files import papers_figures
from benchmark.tables.reproduced import NOT_RUN, allowed_difference, summary, verdicts
from benchmark.tables.reproductions import METHODS, NO_K, ON_IMAGENET, our_backbones, reproductions

PAPER = {"suite": "papers_small_mlp_mnist", "dataset": "mnist", "backbone": "local_loss_mlp", "recipe": "paper"}
SUITES = load_suites(ROOT / "suites.yaml")
FIGURES = papers_figures(ROOT / "results" / "published.csv")


def board_of(tmp_path: Path, *records) -> pd.DataFrame:
    write_runs(tmp_path / "runs", *records)
    return leaderboard(load(tmp_path / "runs"))


def beside(tmp_path: Path, *records) -> pd.DataFrame:
    """The reproductions that got a verdict."""
    table = reproductions(rounded(board_of(tmp_path, *records)), FIGURES)
    return table[table["verdict"].notna() & (table["verdict"] != NOT_RUN)]


def test_without_spreads_the_rule_is_that_of_drawing_test_pictures():
    row = pd.DataFrame([{"published": 8.37, "printed": "8.37", "published_std": None, "ours": 9.0, "n_ok": 1}])
    row = row.assign(ours_half=None)
    here, theirs = 9.0 * 91.0 / 10_000, 8.37 * 91.63 / 10_000  # variances, points²
    of_mnist = allowed_difference(row.assign(dataset="MNIST")).item()
    assert of_mnist == pytest.approx(2 * (here + theirs) ** 0.5 + 0.005)
    of_fifty_thousand = allowed_difference(row.assign(dataset="ImageNet")).item()
    assert of_fifty_thousand == pytest.approx(2 * ((here + theirs) / 5) ** 0.5 + 0.005)


def test_known_spreads_are_those_over_seeds():
    half = 4.302653 * 0.3 / 3**0.5  # of the 95 % t interval of three seeds with s = 0.3
    row = pd.DataFrame([{"published": 10.6, "printed": "10.6", "published_std": 0.4, "ours": 10.0, "n_ok": 3}])
    row = row.assign(ours_half=half)
    assert allowed_difference(row.assign(dataset="SVHN")).item() == pytest.approx(2 * 0.5 + 0.05, abs=1e-5)


def test_a_printed_zero_is_a_digit():
    row = pd.DataFrame([{"dataset": "MNIST", "published": 8.0, "published_std": 0.0, "ours": 8.0, "n_ok": 2}])
    row = row.assign(ours_half=0.0)
    assert [allowed_difference(row.assign(printed=said)).item() for said in ("8", "8.0", "8.00")] == [0.5, 0.05, 0.005]
    assert "8.0" in set(FIGURES["value"])


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(0.99, "reproduced"), (-1.0, "reproduced"), (1.01, "not reproduced"), (-3.0, "not reproduced")],
)
def test_a_verdict_is_of_the_difference_in_both_directions(difference, verdict):
    assert verdicts(pd.DataFrame({"difference": [difference], "allowed": [1.0], "n_ok": 3, "n_total": 3})).tolist() == [
        verdict
    ]
    lost = pd.DataFrame({"difference": [difference], "allowed": [1.0], "n_ok": 2, "n_total": 3})
    assert verdicts(lost).tolist() == ["not reproduced"], "what the failed seed would have reached nobody knows"


def test_what_was_not_run_has_no_verdict():
    table = pd.DataFrame({"difference": [None, 1.0], "allowed": [1.0, None], "n_ok": 1, "n_total": 1}, dtype=float)
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
    nothing = reproductions(board_of(tmp_path), FIGURES)
    assert summary(nothing).endswith(" 0 have a run of the same setting here: 0 reproduced, 0 not.")
    pred = make_record("predsim", 4, 0, 90.0, variant="pred", **PAPER)
    records = [make_record("e2ebp", 1, 0, 99.2, **PAPER), pred]
    table = reproductions(rounded(board_of(tmp_path, *records)), FIGURES)
    said = f"Of {len(table)} published figures, 2 have a run of the same setting here: 1 reproduced, 1 not."
    assert summary(table) == said == summary(pd.concat([table, table]))
    elsewhere = table.assign(verdict=table["verdict"].replace("reproduced", "not reproduced"))
    assert summary(pd.concat([table, elsewhere])).endswith(": 0 reproduced, 2 not."), "in every row of ours, or not"


# Suite -> what is run there (method, K, backbone, variant, accuracy), and what is said of whose figure.
FULL_SIZE = {
    "cifar10_resnet32": ("infopro", 16, "cifar_resnet32", "contrast", 87.0, "infopro_contrast", 12.75, "reproduced"),
    "cifar10_resnet110": ("greedy_sl", 4, "cifar_resnet110", "", 80.0, "greedy_sl", 13.16, "not reproduced"),
    "cifar10_core": ("infopro", 16, "cifar_resnet110", "contrast", 90.0, "infopro_contrast", 9.9, "reproduced"),
    "cifar100": ("features_replay", 2, "resnet152", "", 76.0, "features_replay", 23.61, "reproduced"),
    "svhn": ("infopro", 8, "cifar_resnet110", "softmax", 99.0, "infopro_softmax", 4.67, "not reproduced"),
    "stl10": ("e2ebp", 1, "cifar_resnet110", "", 78.0, "e2ebp", 22.27, "reproduced"),
    "tiny_imagenet": ("trgl", 4, "trgl_resnet101", "parallel", 63.0, "trgl", 36.29, "reproduced"),
    "imagenet": ("infopro", 2, "resnext101_32x8d", "softmax", 79.6, "infopro_balanced", 20.35, "reproduced"),
}


def test_figures_are_judged_where_their_suite_was_run_and_else_not_run(tmp_path):
    """One row of each suite: it meets its own network, K and method alone; gigabytes and overheads are not judged."""
    records = []
    for suite, (method, k, backbone, variant, top1, *_) in FULL_SIZE.items():
        where = {"suite": suite, "dataset": SUITES[suite].dataset, "backbone": backbone, "variant": variant}
        records.append(make_record(method, k, 0, top1, recipe="paper", **where))
    table = reproductions(rounded(board_of(tmp_path, *records)), FIGURES)
    errors = table[(table["metric"] == "test_error_pct") & table["setting"].notna()]
    judged = errors[errors["verdict"] != NOT_RUN].drop_duplicates(["setting", "method", "published", "ours"])
    wanted = {(suite, *said[-3:]) for suite, said in FULL_SIZE.items()}
    assert set(judged[["setting", "method", "published", "verdict"]].itertuples(index=False, name=None)) == wanted
    assert set(errors["setting"]) >= set(FULL_SIZE)
    beside = table[table["our_source"].notna() & ~table["metric"].str.startswith("test_error")]
    assert {"memory_ratio", "overhead_flops_pct"} <= set(beside["metric"])
    assert beside["verdict"].isna().all()


def test_every_setting_is_a_suite_that_trains_its_network_and_method_by_a_papers_recipe():
    ours = {theirs: pair for pair, theirs in METHODS.items()}
    backbones = our_backbones(FIGURES).str.lower().str.replace("-", "").str.replace(" ", "_")
    for place, row in FIGURES.dropna(subset="suite").iterrows():
        name = ON_IMAGENET.get(row["method"], row["method"])
        method, variant = ours.get(name) or (name.split("_") if name.startswith("infopro_") else (name, ""))
        for suite in row["suite"].split():
            assert list(SUITES[suite].seeds) == ["paper"]
            assert SUITES[suite].dataset.replace("_", "") == row["dataset"].lower().replace("-", "")
            trained = cells(suite, SUITES[suite], method)
            ks = {cell.modules for cell in trained if (cell.variant, cell.backbone) == (variant, backbones[place])}
            assert ks if method in NO_K or row["modules"] == "per layer" else int(row["modules"]) in ks
    papers = {name for name, suite in SUITES.items() if suite.leading == "paper"}
    assert papers == {name for names in FIGURES["suite"].dropna() for name in names.split()}
