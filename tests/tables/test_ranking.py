"""Ranks and marks against hand computations: what is missing never helps, and nothing is chosen on the test split."""

import pandas as pd
import pytest
import yaml
from records import make_record, write_own_tables, write_runs

from benchmark.display.reading import read_board
from benchmark.schema.record import read_record, write_record
from benchmark.schema.suite import Suite
from benchmark.tables.board import against_best, leaderboard
from benchmark.tables.cells import load
from benchmark.tables.kinds import other_kind
from benchmark.tables.ranking import MEASURE, ranking
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


def ranks_of(tmp_path, *records, suite=None, **more):
    """Of the records; ``suite`` is what their suite says of seeds, where it is defined."""
    cells = load(write_runs(tmp_path / "runs", *records))
    return ranking(leaderboard(cells, suites_of(suite)), cells, **more).set_index(["suite", "method"])


def suites_of(said):
    return {"digits": Suite.model_validate(yaml.safe_load(SUITE)["digits"] | said)} if said else {}


def runs(method, *ks, top1, seeds=3, noise=(0.0, 0.5, -0.2), **more):
    """Records at each K: ``top1`` and the seed's noise, which is that of all methods unless said otherwise."""
    by_k = top1 if isinstance(top1, dict) else dict.fromkeys(ks, top1)
    return [make_record(method, k, s, round(a + noise[s], 6), **more) for k, a in by_k.items() for s in range(seeds)]


def possible(found):
    """By method: best and worst rank, of those that are ranked."""
    ranked = found.dropna(subset=["rank_low"])
    return {m: (int(low), int(high)) for m, low, high in ranked[["rank_low", "rank_high"]].itertuples(name=None)}


def test_a_suites_score_is_the_mean_over_its_k(tmp_path):
    records = [*runs("e2ebp", 1, top1=90.0), *runs("dgl", top1={2: 92.0, 4: 86.0}), *runs("trgl", 2, 4, top1=93.0)]
    found = ranks_of(tmp_path, *records).loc["digits"]
    assert found["score"].to_dict() == {"dgl": 89.1, "e2ebp": 90.1, "trgl": 93.1}  # the seeds' mean noise is 0.1
    assert possible(found) == {"dgl": (2, 2), "trgl": (1, 1)}
    assert found["of"].unique() == [2]


def test_a_method_that_is_not_certainly_above_shares_its_ranks(tmp_path):
    """Scores 80, 80.5, 79.8 against 80.3, 80.1, 80.6: differences 0.3, -0.4, 0.8, t = 0.67; the third is far below."""
    records = [*runs("dgl", 2, 4, top1=80.0), *runs("trgl", 2, 4, top1=80.0, noise=(0.3, 0.1, 0.6))]
    found = ranks_of(tmp_path, *records, *runs("man", 2, 4, top1=50.0)).loc["digits"]
    assert possible(found) == {"dgl": (1, 2), "man": (3, 3), "trgl": (1, 2)}


def test_references_are_scored_and_never_ranked(tmp_path):
    records = [*runs("e2ebp", 1, top1=99.0), *runs("gradient_checkpointing", 2, 4, top1=99.0)]
    records += [*runs("dgl", 2, 4, top1=80.0), *runs("trgl", 2, 4, top1=70.0)]
    found = ranks_of(tmp_path, *records).loc["digits"]
    assert possible(found) == {"dgl": (1, 1), "trgl": (2, 2)}
    assert found.loc["e2ebp", ["score", "missing"]].tolist() == [99.1, MEASURE]
    board = leaderboard(load(tmp_path / "runs"))
    assert set(board.loc[board["vs_best"] == "best", "method"]) == {"dgl"}
    assert board.loc[board["family"] == "end-to-end", "vs_best"].isna().all()


def test_fewer_than_three_seeds_give_no_rank_and_no_mark(tmp_path):
    records = [r for m, a in (("dgl", 80.0), ("trgl", 70.0), ("man", 60.0)) for r in runs(m, 2, top1=a, seeds=2)]
    found = ranks_of(tmp_path, *records).loc["digits"]
    assert possible(found) == {}
    assert set(found["missing"]) == {"2 seeds, and a rank needs 3"}
    assert found["score"].to_dict() == {"dgl": 80.25, "trgl": 70.25, "man": 60.25}
    assert leaderboard(load(tmp_path / "runs"))["vs_best"].isna().all()


def test_one_method_alone_is_not_the_first(tmp_path):
    found = ranks_of(tmp_path, *runs("fa", 2, top1=40.0), *runs("dgl", 2, top1=80.0, seeds=2)).loc["digits"]
    assert possible(found) == {}
    assert found.loc["fa", "missing"] == "no other method is ranked there"


def test_a_smoke_test_ranks_nobody_and_marks_nothing(tmp_path):
    records = [*runs("dgl", 2, 4, top1=80.0), *runs("trgl", 2, 4, top1=70.0)]
    found = ranks_of(tmp_path, *records, apart={"digits": "smoke test"}).loc["digits"]
    assert possible(found) == {}
    assert set(found["missing"]) == {"the suite is a smoke test"}
    suite = SUITE.replace("title", "role: smoke test\n  title", 1).replace("seeds: 2", "seeds: 3")
    (tmp_path / "suites.yaml").write_text(suite)
    board = write_own_tables(tmp_path)
    assert board[["rank_low", "rank_high", "vs_best"]].isna().all().all()
    assert set(board["role"]) == {"smoke test"}
    assert not read_board(tmp_path)["judged"].any()
    (tmp_path / "suites.yaml").write_text(suite.replace("  role: smoke test\n", ""))
    assert write_own_tables(tmp_path)["rank_low"].notna().all()
    assert read_board(tmp_path)["judged"].all()


def test_a_missing_or_failed_cell_gives_no_rank(tmp_path):
    records = [*runs("man", 2, 4, top1=90.0), *runs("dgl", 2, 4, top1=80.0), *runs("trgl", 2, top1=99.0)]
    records += [*runs("fa", 2, 4, top1=99.0), make_record("fa", 4, 2, status="diverged")]
    found = ranks_of(tmp_path, *records).loc["digits"]
    assert found.loc["trgl", "missing"] == "not run: cifar_resnet20, K = 4"
    assert found.loc["fa", "missing"] == "a cell did not end ok"
    assert possible(found) == {"man": (1, 1), "dgl": (2, 2)}
    assert found["of"].unique() == [2]


def test_a_missing_seed_gives_no_rank(tmp_path):
    records = [*runs("man", 2, 4, top1=90.0), *runs("dgl", 2, 4, top1=80.0)]
    records += [*runs("trgl", 2, top1=99.0), *runs("trgl", 4, top1=99.0, seeds=2)]
    for suite in (None, {"seeds": 3}):  # from the records, and from the suite
        found = ranks_of(tmp_path, *records, suite=suite).loc["digits"]
        assert found.loc["trgl", "missing"] == "not run: cifar_resnet20, K = 4, 1 of 3 seeds"
        assert possible(found) == {"dgl": (2, 2), "man": (1, 1)}
    assert possible(ranks_of(tmp_path, *records, suite={"seeds": 5}).loc["digits"]) == {}


def test_of_one_seed_for_all_and_three_for_the_best_these_have_ranks_and_the_others_lack_nothing(tmp_path):
    best = {"seeds": 1, "best": {"methods": ["man", "dgl", "trgl"], "seeds": 3}}
    records = [*runs("man", 2, 4, top1=90.0), *runs("dgl", 2, 4, top1=80.0), *runs("fa", 2, 4, top1=70.0, seeds=1)]
    records += [*runs("trgl", 2, top1=99.0), *runs("trgl", 4, top1=99.0, seeds=2)]
    found = ranks_of(tmp_path, *records, suite=best).loc["digits"]
    assert possible(found) == {"dgl": (2, 2), "man": (1, 1)}
    assert found.loc["trgl", "missing"] == "not run: cifar_resnet20, K = 4, 1 of 3 seeds"
    assert found.loc["fa", "missing"] == "1 seed, and a rank needs 3"
    assert leaderboard(load(tmp_path / "runs"), suites_of(best)).set_index("method").loc["fa", "status"].eq("ok").all()


def test_what_the_suite_asks_for_is_wanted_even_where_nobody_ran_it(tmp_path):
    records = [*runs("man", 2, 4, top1=90.0), *runs("dgl", top1={2: 80.0, 3: 10.0})]
    asked = {"digits": [("cifar_resnet20", 2), ("cifar_resnet20", 4)]}
    found = ranks_of(tmp_path, *records, asked=asked).loc["digits"]
    assert found.loc["dgl", "missing"] == "not run: cifar_resnet20, K = 4"
    found = ranks_of(tmp_path, *records, *runs("dgl", 4, top1=90.0), asked=asked).loc["digits"]
    assert found.loc["dgl", "score"] == 85.1  # K = 3 is not asked for
    assert possible(found) == {"dgl": (2, 2), "man": (1, 1)}


def test_only_what_no_cut_changes_stands_at_every_k(tmp_path):
    records = [*runs("fa", 1, top1=99.0), *runs("dgl", 1, top1=99.0), *runs("trgl", 2, 4, top1=80.0)]
    found = ranks_of(tmp_path, *records, uncut=["fa"]).loc["digits"]
    assert found.loc["dgl", "missing"] == "not run: cifar_resnet20, K = 2"
    assert possible(found) == {"fa": (1, 1), "trgl": (2, 2)}


def test_every_k_weighs_the_same_for_a_method_that_stands_at_each(tmp_path):
    records = [*runs("fa", 1, top1=90.0, backbone="a"), *runs("fa", 1, top1=60.0, backbone="b")]
    records += [*runs("dgl", 2, 4, top1=80.0, backbone="a"), *runs("dgl", 2, top1=80.0, backbone="b")]
    assert ranks_of(tmp_path, *records, uncut=["fa"]).loc[("digits", "fa"), "score"] == 80.1


def test_the_suites_file_and_the_methods_say_what_is_asked(tmp_path):
    (tmp_path / "suites.yaml").write_text(SUITE.replace("seeds: 2", "seeds: 3"))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "fa.py").write_text(UNCUT)
    records = [*runs("fa", 1, top1=90.0), *runs("man", 2, 4, top1=70.0), *runs("dgl", 2, top1=80.0)]
    write_runs(tmp_path / "runs", *records)
    board = write_own_tables(tmp_path, tmp_path / "plugins").set_index(["method", "modules"])
    assert board["rank_low"].dropna().to_dict() == {("fa", 1): 1, ("man", 2): 2, ("man", 4): 2}
    ranks = pd.read_csv(tmp_path / "ranking.csv").set_index(["suite", "method"])
    assert ranks.loc[("digits", "dgl"), "missing"] == "not run: cifar_resnet20, K = 4"
    (tmp_path / "suites.yaml").write_text(SUITE.replace("seeds: 2", "seeds: 4"))
    board = write_own_tables(tmp_path, tmp_path / "plugins")
    assert set(board["status"]) == {"1 of 4 not run"}
    assert set(board["n_asked"]) == {4}
    assert board["vs_best"].isna().all()


def test_a_method_that_always_failed_is_listed_without_a_rank(tmp_path):
    records = [*runs("man", 2, top1=90.0), *runs("dgl", 2, top1=80.0), make_record("fa", 2, 0, status="failed")]
    found = ranks_of(tmp_path, *records).loc["digits"]
    assert found.loc["fa", "missing"] == "a cell did not end ok"
    assert possible(found) == {"dgl": (2, 2), "man": (1, 1)}


def two_comparisons():
    """In ``a`` the order is certain; in ``b``, ``trgl`` cannot be told from ``man``; ``fa`` diverged in ``b``."""
    a = {"dgl": 90.0, "man": 80.0, "trgl": 70.0, "fa": 99.0, "e2ebp": 95.0}
    records = [r for m, top1 in a.items() for r in runs(m, 2 if m != "e2ebp" else 1, top1=top1, suite="a")]
    records += [*runs("dgl", 2, top1=60.0, suite="b"), *runs("man", 2, top1=80.0, suite="b")]
    records += runs("trgl", 2, top1=80.0, noise=(0.3, 0.1, 0.6), suite="b")
    return [*records, *(make_record("fa", 2, s, status="diverged", suite="b") for s in range(3))]


def test_borda_counts_beaten_methods_over_complete_comparisons(tmp_path):
    found = ranks_of(tmp_path, *two_comparisons()).loc["overall"]
    # a, without fa: dgl beats 2, man 1; b: trgl (80.33) beats 2, man (80.1) 1
    assert found["score"].dropna().to_dict() == {"dgl": 2.0, "man": 2.0, "trgl": 2.0}
    assert found.loc["fa", "missing"] == "not ranked in b"
    assert "e2ebp" not in found.index
    assert found["of"].unique() == [3]


def test_an_overall_rank_is_what_the_intervals_of_its_suites_leave(tmp_path):
    """Counts at worst and at best: in a dgl 2, man 1, trgl 0; in b dgl 0, and man and trgl 1 to 2."""
    found = ranks_of(tmp_path, *two_comparisons()).loc["overall"]
    # dgl 2 to 2, man 2 to 3, trgl 1 to 2: nobody's worst is above another's best
    assert possible(found) == {"dgl": (1, 3), "man": (1, 3), "trgl": (1, 3)}
    higher = [*runs("dgl", 2, top1=95.0, suite="b"), *runs("man", 2, top1=80.0, suite="b")]
    found = ranks_of(tmp_path, *two_comparisons(), *higher).loc["overall"]
    # dgl 4 to 4, man 1 to 2, trgl 0 to 1
    assert possible(found) == {"dgl": (1, 1), "man": (2, 3), "trgl": (2, 3)}


def test_there_is_no_overall_rank_before_two_comparisons_are_complete(tmp_path):
    for missing in (("trgl", "b"), ("trgl", "a")):
        folder = tmp_path / missing[1]
        kept = [r for r in two_comparisons() if (r.identity.method, r.identity.suite) != missing]
        assert "overall" not in ranks_of(folder, *kept).index.get_level_values(0)
        one_seed = [r for r in two_comparisons() if (r.identity.method, r.identity.suite) == missing][:1]
        assert "overall" not in ranks_of(folder, *kept, *one_seed).index.get_level_values(0)
    for left_out in ({"apart": {"b": "smoke test"}}, {"apart": {"b": "track"}}, {"few": ["b"]}):
        found = ranks_of(tmp_path / "whole", *two_comparisons(), **left_out)
        assert "overall" not in found.index.get_level_values(0)


def test_a_variant_is_chosen_by_validation_never_by_test(tmp_path):
    good_on_test = []
    for record in runs("infopro", 2, top1=99.0, variant="a"):
        seen = record.accuracy.model_copy(update={"validation_top1": 10.0})
        good_on_test.append(record.model_copy(update={"accuracy": seen}).sealed())
    records = [*good_on_test, *runs("infopro", 2, top1=80.0, variant="b"), *runs("dgl", 2, top1=85.0)]
    row = ranks_of(tmp_path, *records).loc[("digits", "infopro")]
    assert row[["variant", "score", "rank_low", "rank_high"]].tolist() == ["b", 80.1, 2, 2]


def test_pictures_of_another_source_do_not_take_a_rank_away(tmp_path):
    records = [*runs("dgl", 2, top1=80.0), *runs("trgl", 2, top1=70.0)]
    other = make_record("dgl", 2, 3, 10.0)
    other = other.model_copy(update={"provenance": other.provenance.model_copy(update={"source": "x"})}).sealed()
    found = ranks_of(tmp_path, *records, other).loc["digits"]
    assert possible(found) == {"dgl": (1, 1), "trgl": (2, 2)}
    assert found.loc["dgl", "score"] == 80.1


@pytest.mark.parametrize("change", [{"protocol": 0}, {"stem": "small"}, {"dataset": "mnist"}])
def test_rows_of_another_kind_have_no_rank(tmp_path, change):
    records = [*runs("man", 2, top1=90.0), *runs("dgl", 2, top1=80.0), *runs("trgl", 2, top1=70.0)]
    other = [make_record("dgl", 2, s, 99.0, **change) for s in range(3, 6)]
    board = write_own_tables(write_runs(tmp_path / "runs", *records, *other, make_record("fa", 2, 0, **change)).parent)
    assert board.loc[board["test_top1_pct"] == 99.0, ["rank_low", "rank_high", "vs_best"]].isna().all().all()
    assert board.loc[board["vs_best"] == "best", "method"].tolist() == ["man"]
    assert board.loc[board["test_top1_pct"] == 80.1, "rank_low"].tolist() == [2]
    ranks = pd.read_csv(tmp_path / "ranking.csv").set_index(["suite", "method"])
    assert ranks.loc[("digits", "fa"), "missing"] == "other pictures, stem or protocol"


def test_what_tells_a_row_from_its_suites_kind_is_said(tmp_path):
    records = [make_record("dgl", k, 0, 80.0) for k in (2, 4, 8)]
    records += [make_record("dgl", 2, 1, 80.0, stem="small", protocol=2), make_record("fa", 2, 0, status="failed")]
    board = leaderboard(load(write_runs(tmp_path / "runs", *records)))
    said = dict(zip(zip(board["method"], board["stem"], strict=True), other_kind(board), strict=True))
    assert said == {("dgl", "native"): "", ("dgl", "small"): "protocol 2, small stem", ("fa", "native"): ""}


def test_no_records_give_an_empty_ranking(tmp_path):
    cells = load(tmp_path / "runs")
    assert ranking(leaderboard(cells), cells).empty


@pytest.mark.parametrize(
    ("ours", "mark"),
    [
        ([90.0, 91.0, 92.0], "best"),
        ([89.0, 91.5, 91.4], "not distinguishable"),  # differences -1, 0.5, -0.6: mean -0.37, half 1.93
        ([88.9, 90.0, 91.1], "below"),  # differences -1.1, -1, -0.9: mean -1, half 0.25
        ([91.1, 92.0, 92.9], None),  # a row that lacks seeds may stand above the best one
        ([88.9, 90.0, None], None),  # two common seeds
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


def test_nothing_is_best_while_most_rows_lack_seeds(tmp_path):
    records = [make_record("dgl", 2, s, 80.0 + s) for s in range(3)]
    records += [make_record(name, 2, s, 90.0 + s) for name in ("trgl", "man") for s in range(2)]
    asked = suites_of({"seeds": 3})
    assert leaderboard(load(write_runs(tmp_path / "runs", *records)), asked)["vs_best"].isna().all()
    records.append(make_record("man", 2, 2, status="diverged"))  # run, however it ended
    board = leaderboard(load(write_runs(tmp_path / "more", *records)), asked).set_index("method")
    assert board["vs_best"].dropna().to_dict() == {"dgl": "best"}


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
