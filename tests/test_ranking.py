"""Ranks and marks against hand computations: what is missing never helps, and nothing is chosen on the test split."""

import pandas as pd
import pytest
from records import make_record, write_runs

from benchmark.record import read_record, write_record
from benchmark.tables.board import against_best, leaderboard
from benchmark.tables.cells import load
from benchmark.tables.ranking import ranking


def ranks_of(tmp_path, *records):
    table = ranking(leaderboard(load(write_runs(tmp_path / "runs", *records))))
    return table.set_index(["suite", "method"])


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


def test_no_records_give_an_empty_ranking(tmp_path):
    assert ranking(leaderboard(load(tmp_path / "runs"))).empty


@pytest.mark.parametrize(
    ("ours", "mark"),
    [
        ([90.0, 91.0, 92.0], "best"),
        ([89.0, 91.5, 91.4], "not distinguishable"),  # differences -1, 0.5, -0.6: mean -0.37, half 1.93
        ([88.9, 90.0, 91.1], "below"),  # differences -1.1, -1, -0.9: mean -1, half 0.25
        ([90.0, None, None], None),
        ([None, None, None], None),
    ],
)
def test_a_row_is_told_from_the_best_by_paired_differences(ours, mark):
    best = pd.Series([90.0, 91.0, 92.0], index=[0, 1, 2])
    assert against_best(pd.Series(ours, index=[0, 1, 2], dtype=float), best) == mark


def test_a_failed_verification_outweighs_a_good_one_and_ends_with_its_record(tmp_path):
    from benchmark.tables.verification import Verification

    runs = write_runs(tmp_path / "runs", *(make_record("dgl", 2, s, 80.0) for s in range(2)))
    told = {"committed_top1": 80.0, "again_top1": 80.0, "tolerance": 0.5, "protections": [], "faults": []}
    told |= {"git_commit": "0" * 40, "device": "x", "started_utc": "2026-01-01T00:00:00Z"}
    for seed, verdict in enumerate(("verified", "failed")):
        record = read_record(runs / "digits" / "dgl" / f"cifar_resnet20-k2-s{seed}.json")
        outcome = Verification(identity=record.identity, digest=record.digest, verdict=verdict, **told)
        path = tmp_path / "verified" / "digits" / "dgl" / f"s{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(outcome.model_dump_json())
    assert leaderboard(load(runs))["verification"].tolist() == ["failed"]
    again = make_record("dgl", 2, 1, 81.0)
    write_record(again, runs / "digits" / "dgl" / "cifar_resnet20-k2-s1.json")
    assert leaderboard(load(runs))["verification"].tolist() == ["verified"]
