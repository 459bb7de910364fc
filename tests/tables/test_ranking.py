"""Ranks and marks against hand computations: what is missing never helps, and nothing is chosen on the test split."""

import pandas as pd
import pytest
from records import make_record, write_own_tables, write_runs

from benchmark.schema.record import read_record, write_record
from benchmark.tables.board import against_best, leaderboard
from benchmark.tables.cells import load
from benchmark.tables.kinds import other_kind
from benchmark.tables.ranking import ranking
from benchmark.tables.verification import Verification

SUITE = """digits:
  title: for tests
  dataset: digits
  backbones: [{name: cifar_resnet20}]
  modules: [2, 4]
  recipe: {epochs: 4, batch: 64, lr: 0.1}
  seeds: 2
  validation: 0.1
"""
UNCUT = """class A(Method):
    title = "A"
    paper = "https://a"
    authors = "A"
    year = 1999
    family = "weakly modular"
    cut_matters = False
"""
TOLD = {"verdict": "verified", "committed_top1": 80.0, "again_top1": 80.0, "tolerance": 0.5, "protections": []}
TOLD |= {"faults": [], "git_commit": "0" * 40, "device": "Testing CPU", "started_utc": "2026-01-01T00:00:00Z"}


def ranks_of(tmp_path, *records, seeds=None, asked=None, uncut=()):
    board = leaderboard(load(write_runs(tmp_path / "runs", *records)), seeds)
    return ranking(board, asked, uncut).set_index(["suite", "method"])


def test_a_suites_score_is_the_mean_over_its_k_and_the_uncut_twin_stands_at_each(tmp_path):
    records = [make_record(seed=0, top1=90.0)]
    records += [make_record("dgl", k, 0, a) for k, a in ((2, 92.0), (4, 86.0))]
    records += [make_record("trgl", k, 0, a) for k, a in ((2, 95.0), (4, 91.0))]
    found = ranks_of(tmp_path, *records).loc["digits"]
    assert found["score"].to_dict() == {"dgl": 89.0, "e2ebp": 90.0, "trgl": 93.0}
    assert found["rank"].to_dict() == {"dgl": 3, "e2ebp": 2, "trgl": 1}


def test_a_missing_or_failed_cell_gives_no_rank(tmp_path):
    records = [make_record(seed=0, top1=90.0), make_record("dgl", 2, 0, 80.0), make_record("dgl", 4, 0, 80.0)]
    records += [make_record("trgl", 2, 0, 99.0)]
    records += [
        make_record("fa", 2, 0, 99.0),
        make_record("fa", 4, 0, 99.0),
        make_record("fa", 4, 1, status="diverged"),
    ]
    found = ranks_of(tmp_path, *records).loc["digits"]
    assert found.loc["trgl", "missing"] == "not run: cifar_resnet20, K = 4"
    assert found.loc["fa", "missing"] == "a cell did not end ok"
    assert found.loc[["trgl", "fa"], "rank"].isna().all()
    assert found["of"].unique() == [2]


def test_a_missing_seed_gives_no_rank(tmp_path):
    records = [make_record(seed=s, top1=90.0) for s in range(3)]
    records += [make_record("dgl", k, s, 80.0) for k in (2, 4) for s in range(3)]
    records += [make_record("trgl", k, s, 99.0) for k, n in ((2, 3), (4, 2)) for s in range(n)]
    for seeds in (None, {"digits": {"shared": 3}}):  # from the records, and from the suite
        found = ranks_of(tmp_path, *records, seeds=seeds).loc["digits"]
        assert found.loc["trgl", "missing"] == "not run: cifar_resnet20, K = 4, 1 of 3 seeds"
        assert found["rank"].dropna().to_dict() == {"dgl": 2, "e2ebp": 1}
    assert ranks_of(tmp_path, *records, seeds={"digits": {"shared": 5}})["rank"].isna().all()


def test_what_the_suite_asks_for_is_wanted_even_where_nobody_ran_it(tmp_path):
    records = [make_record(seed=0, top1=90.0), make_record("dgl", 2, 0, 80.0), make_record("dgl", 3, 0, 10.0)]
    asked = {"digits": [("cifar_resnet20", 2), ("cifar_resnet20", 4)]}
    found = ranks_of(tmp_path, *records, asked=asked).loc["digits"]
    assert found.loc["dgl", "missing"] == "not run: cifar_resnet20, K = 4"
    found = ranks_of(tmp_path, *records, make_record("dgl", 4, 0, 90.0), asked=asked).loc["digits"]
    assert found.loc["dgl", "score"] == 85.0  # K = 3 is not asked for


def test_only_what_no_cut_changes_stands_at_every_k(tmp_path):
    records = [make_record(name, 1, 0, 99.0) for name in ("e2ebp", "fa", "dgl")]
    records += [make_record("trgl", k, 0, 80.0) for k in (2, 4)]
    found = ranks_of(tmp_path, *records, uncut=["fa"]).loc["digits"]
    assert found.loc["dgl", "missing"] == "not run: cifar_resnet20, K = 2"
    assert found["rank"].dropna().to_dict() == {"e2ebp": 1, "fa": 1, "trgl": 3}


def test_every_k_weighs_the_same_for_a_method_that_stands_at_each(tmp_path):
    records = [make_record(backbone=b, top1=a) for b, a in (("a", 90.0), ("b", 60.0))]
    records += [make_record("dgl", k, 0, 80.0, backbone=b) for b, k in (("a", 2), ("a", 4), ("b", 2))]
    assert ranks_of(tmp_path, *records).loc[("digits", "e2ebp"), "score"] == 80.0


def test_the_suites_file_and_the_methods_say_what_is_asked(tmp_path):
    (tmp_path / "suites.yaml").write_text(SUITE)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "fa.py").write_text(UNCUT)
    records = [make_record(name, 1, s, 90.0) for name in ("e2ebp", "fa") for s in range(2)]
    write_runs(tmp_path / "runs", *records, *(make_record("dgl", 2, s, 80.0) for s in range(2)))
    board = write_own_tables(tmp_path, tmp_path / "plugins").set_index("method")
    assert board["rank"].dropna().to_dict() == {"e2ebp": 1, "fa": 1}
    ranks = pd.read_csv(tmp_path / "ranking.csv").set_index(["suite", "method"])
    assert ranks.loc[("digits", "dgl"), "missing"] == "not run: cifar_resnet20, K = 4"
    (tmp_path / "suites.yaml").write_text(SUITE.replace("seeds: 2", "seeds: 3"))
    board = write_own_tables(tmp_path, tmp_path / "plugins")
    assert set(board["status"]) == {"1 of 3 not run"}
    assert set(board["n_asked"]) == {3}
    assert board["vs_best"].isna().all()


def test_a_method_that_always_failed_is_listed_without_a_rank(tmp_path):
    records = [make_record(seed=0, top1=90.0), make_record("dgl", 2, 0, 80.0)]
    found = ranks_of(tmp_path, *records, make_record("fa", 2, 0, status="failed")).loc["digits"]
    assert found.loc["fa", "missing"] == "a cell did not end ok"
    assert found["rank"].dropna().to_dict() == {"dgl": 2, "e2ebp": 1}


def test_borda_counts_beaten_methods_over_suites_and_wants_them_all(tmp_path):
    records = []
    for suite, accuracies in {
        "a": {"e2ebp": 90.0, "dgl": 80.0, "trgl": 70.0, "man": 99.0},
        "b": {"e2ebp": 80.0, "dgl": 85.0, "trgl": 80.0},
    }.items():
        for name, top1 in accuracies.items():
            records.append(make_record(name, 1 if name == "e2ebp" else 2, 0, top1, suite=suite))
    found = ranks_of(tmp_path, *records).loc["overall"]
    # a, without man: e2ebp beats 2, dgl 1, trgl 0; b: dgl beats 2, e2ebp and trgl tie and beat half of each other
    assert found["score"].dropna().to_dict() == {"dgl": 3.0, "e2ebp": 2.5, "trgl": 0.5}
    assert found["rank"].dropna().to_dict() == {"dgl": 1, "e2ebp": 2, "trgl": 3}
    assert found.loc["man", "missing"] == "not ranked in b"


def test_a_variant_is_chosen_by_validation_never_by_test(tmp_path):
    good_on_test = make_record("infopro", 2, 0, 99.0, variant="a")
    seen = good_on_test.accuracy.model_copy(update={"validation_top1": 10.0})
    good_on_test = good_on_test.model_copy(update={"accuracy": seen}).sealed()
    found = ranks_of(tmp_path, good_on_test, make_record("infopro", 2, 0, 80.0, variant="b"))
    row = found.loc[("digits", "infopro")]
    assert (row["variant"], row["score"]) == ("b", 80.0)


def test_pictures_of_another_source_do_not_take_a_rank_away(tmp_path):
    records = [make_record(seed=0, top1=90.0), make_record("dgl", 2, 0, 80.0), make_record("trgl", 2, 0, 70.0)]
    other = make_record("dgl", 2, 1, 85.0)
    other = other.model_copy(update={"provenance": other.provenance.model_copy(update={"source": "x"})}).sealed()
    found = ranks_of(tmp_path, *records, other).loc["digits"]
    assert found["rank"].to_dict() == {"dgl": 2, "e2ebp": 1, "trgl": 3}
    assert found.loc["dgl", "score"] == 80.0


@pytest.mark.parametrize("change", [{"protocol": 0}, {"stem": "small"}, {"dataset": "mnist"}])
def test_rows_of_another_kind_have_no_rank(tmp_path, change):
    records = [make_record(seed=0, top1=90.0), make_record("dgl", 2, 0, 80.0), make_record("trgl", 2, 0, 70.0)]
    other = make_record("dgl", 2, 1, 99.0, **change)
    board = write_own_tables(write_runs(tmp_path / "runs", *records, other, make_record("fa", 2, 0, **change)).parent)
    assert board.loc[board["test_top1_pct"] == 99.0, ["rank", "vs_best"]].isna().all().all()
    assert board.loc[board["vs_best"] == "best", "method"].tolist() == ["e2ebp"]
    assert board.loc[board["test_top1_pct"] == 80.0, "rank"].tolist() == [2]
    ranks = pd.read_csv(tmp_path / "ranking.csv").set_index(["suite", "method"])
    assert ranks.loc[("digits", "fa"), "missing"] == "other pictures, stem or protocol"


def test_what_tells_a_row_from_its_suites_kind_is_said(tmp_path):
    records = [make_record("dgl", k, 0, 80.0) for k in (2, 4, 8)]
    records += [make_record("dgl", 2, 1, 80.0, stem="small", protocol=2), make_record("fa", 2, 0, status="failed")]
    board = leaderboard(load(write_runs(tmp_path / "runs", *records)))
    said = dict(zip(zip(board["method"], board["stem"], strict=True), other_kind(board), strict=True))
    assert said == {("dgl", "native"): "", ("dgl", "small"): "protocol 2, small stem", ("fa", "native"): ""}


def test_no_records_give_an_empty_ranking(tmp_path):
    assert ranking(leaderboard(load(tmp_path / "runs"))).empty


@pytest.mark.parametrize(
    ("ours", "mark"),
    [
        ([90.0, 91.0, 92.0], "best"),
        ([89.0, 91.5, 91.4], "not distinguishable"),  # differences -1, 0.5, -0.6: mean -0.37, half 1.93
        ([88.9, 90.0, 91.1], "below"),  # differences -1.1, -1, -0.9: mean -1, half 0.25
        ([91.1, 92.0, 92.9], None),  # a row that lacks seeds may stand above the best one
        ([90.0, None, None], None),
        ([None, None, None], None),
    ],
)
def test_a_row_is_told_from_the_best_by_paired_differences(ours, mark):
    best = pd.Series([90.0, 91.0, 92.0], index=[0, 1, 2])
    assert against_best(pd.Series(ours, index=[0, 1, 2], dtype=float), best) == mark


def test_a_row_that_lacks_seeds_takes_no_mark_away(tmp_path):
    records = [make_record("dgl", 2, s, 80.0 + s) for s in range(3)]
    records += [make_record("trgl", 2, s, 80.2 + 0.9 * s) for s in range(3)]
    board = leaderboard(load(write_runs(tmp_path / "runs", *records, make_record("fa", 2, 0, 99.0)))).set_index(
        "method"
    )
    assert board["vs_best"].fillna("").to_dict() == {"fa": "", "dgl": "not distinguishable", "trgl": "best"}
    assert board.loc["fa", "status"] == "2 of 3 not run"


def test_a_verdict_is_not_of_an_edited_record(tmp_path):
    runs = write_runs(tmp_path / "runs", make_record("dgl", 2, 0, 80.0))
    path = runs / "digits" / "dgl" / "cifar_resnet20-k2-s0.json"
    outcome = Verification(identity=read_record(path).identity, digest=read_record(path).digest, **TOLD)
    (tmp_path / "verified" / "digits" / "dgl").mkdir(parents=True)
    (tmp_path / "verified" / "digits" / "dgl" / "s0.json").write_text(outcome.model_dump_json())
    assert load(runs)["verification"].tolist() == ["re-run by its authors"]
    path.write_text(path.read_text().replace('"test_top1": 80.0', '"test_top1": 99.0'))
    assert load(runs)["verification"].tolist() == ["of an older file"]


def test_a_failed_verification_outweighs_a_good_one_and_ends_with_its_record(tmp_path):
    runs = write_runs(tmp_path / "runs", *(make_record("dgl", 2, s, 80.0) for s in range(2)))
    for seed, verdict in enumerate(("verified", "failed")):
        record = read_record(runs / "digits" / "dgl" / f"cifar_resnet20-k2-s{seed}.json")
        outcome = Verification(identity=record.identity, digest=record.digest, **(TOLD | {"verdict": verdict}))
        path = tmp_path / "verified" / "digits" / "dgl" / f"s{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(outcome.model_dump_json())
    assert leaderboard(load(runs))["verification"].tolist() == ["failed"]
    again = make_record("dgl", 2, 1, 81.0)
    write_record(again, runs / "digits" / "dgl" / "cifar_resnet20-k2-s1.json")
    assert leaderboard(load(runs))["verification"].tolist() == ["re-run by its authors"]
