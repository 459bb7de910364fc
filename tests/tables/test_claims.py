"""Verdicts on claims: each can occur, seeds are pairs, and all claims together are corrected."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from records import make_record, write_own_tables, write_runs
from scipy.special import stdtr

from benchmark.errors import UserError
from benchmark.schema.claims import NAME, Claim
from benchmark.schema.suite import PROTOCOL, Suite
from benchmark.tables.asked import family_that_claims, rows_asked
from benchmark.tables.board import leaderboard
from benchmark.tables.case import judge
from benchmark.tables.cells import load
from benchmark.tables.certainty import ERROR
from benchmark.tables.claimed_names import check_names
from benchmark.tables.claims import (
    CONTRADICTED,
    OPEN,
    POWER,
    SIMULATED,
    SUPPORTED,
    TRAINED,
    UNTESTED,
    seeds_needed,
    tables_of_claims,
    weigh,
)
from benchmark.tables.evidence import Evidence
from benchmark.tables.files import led_as_defined
from benchmark.tables.planned import rows_planned

MADE = {"suite": "made", "dataset": "cifar10"}
TWIN = [88.0, 90.0, 92.0, 94.0, 86.0]  # seeds differ by far more than methods do
NOISE = [0.05, -0.05, 0.02, -0.04, 0.02]
WILD = [3.0, -3.0, 2.0, -2.5, 1.5]
GAPS = {"better": 2.0, "worse": -3.0, "equal": 0.0, "slightly_worse": -0.3}


def records():
    """Five seeds of methods that are better, worse or equal by design; few seeds, one that broke, a smoke test."""
    for seed, twin in enumerate(TWIN):
        yield make_record("e2ebp", 1, seed, twin, **MADE)
        for i, (name, gap) in enumerate(GAPS.items()):
            for k in (2, 4):
                top1 = twin + gap + NOISE[(seed + i + k) % 5]
                yield make_record(name, k, seed, top1, memory=1 / k, flops=1.2, time=1.3 + NOISE[seed], **MADE)
        yield make_record("e2ebp", 1, seed, twin, suite="noisy", dataset="cifar10")
        yield make_record("wild", 2, seed, twin + WILD[seed], suite="noisy", dataset="cifar10")
        status = "diverged" if seed == 4 else "ok"
        yield make_record("broken", 2, seed, twin + 2 + NOISE[seed], status=status, **MADE)
    yield make_record("few", 2, 0, 95.0, memory=0.5, **MADE)
    for seed in range(3):  # elsewhere what is better is worse
        for name, gap in {"e2ebp": 0.0, "better": -2.0, "equal": 0.1}.items():
            k = 1 if name == "e2ebp" else 2
            yield make_record(name, k, seed, 80.0 + gap + NOISE[seed + k], suite="second", dataset="svhn")
            yield make_record(name, k, seed, 97.0 + gap + NOISE[seed + k])
        yield make_record("tried", 2, seed, 99.0)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory) -> Evidence:
    cells = load(write_runs(tmp_path_factory.mktemp("made") / "runs", *records()))
    return Evidence(leaderboard(cells).assign(leads="yes"), cells, smoke=["digits"])


def claim(compare, **changes) -> Claim:
    block = {
        "says": "A claim of this test.",
        "words": "paraphrased",
        "source": "nobody",
        "link": "https://example.org",
        "family": "proxy objective",
        "expect": "above",
        "compare": compare,
        "where": {"suite": ["made", "noisy", "digits"]},
    }
    return Claim.model_validate(block | changes)


def decided(evidence: Evidence, results: Path | None = None, **claims: Claim) -> pd.DataFrame:
    """The table of these claims, by claim; the first one's row for a single claim."""
    table, _ = tables_of_claims(claims, evidence, results or Path("nowhere"))
    return table.set_index("claim")


def one(evidence: Evidence, compare, **changes) -> pd.Series:
    return decided(evidence, it=claim(compare, **changes)).loc["it"]


@pytest.mark.parametrize(
    ("compare", "changes", "verdict"),
    [
        ("better", {}, SUPPORTED),
        ("better", {"margin": 1.5}, SUPPORTED),
        ("better", {"margin": 2.5}, CONTRADICTED),
        ("worse", {}, CONTRADICTED),
        ("worse", {"expect": "below"}, SUPPORTED),
        ("better", {"against": "worse", "margin": 4.9}, SUPPORTED),
        ("wild", {}, OPEN),
        ("few", {}, UNTESTED),
        ("tried", {}, UNTESTED),
        ("nobody", {}, UNTESTED),
    ],
)
def test_every_verdict_occurs(evidence, compare, changes, verdict):
    assert one(evidence, compare, **changes)["verdict"] == verdict


def test_matching_is_shown_by_an_interval_inside_the_margin_and_not_by_an_absent_difference(evidence):
    same = {"expect": "not below", "margin": 0.5}
    assert one(evidence, "equal", **same)["verdict"] == SUPPORTED
    assert one(evidence, "slightly_worse", **same)["verdict"] == SUPPORTED
    assert one(evidence, "slightly_worse", expect="not below", margin=0.1)["verdict"] == CONTRADICTED
    assert one(evidence, "wild", **same)["verdict"] == OPEN  # a mean of 0.2 above, and nothing shown


def test_effects_are_paired_by_seed(evidence):
    """Seeds scatter by 3 points; unpaired, a difference of 2 would be within noise."""
    row = one(evidence, {"method": "better", "modules": 2})
    scores = np.array(TWIN)
    assert row["effect"] == pytest.approx(2.0, abs=0.01)
    assert row["half"] < 0.2 < 2 * scores.std() / 5**0.5
    assert (row["n"], row["unit"], row["decided_by"]) == (5, "points", "better, K = 2, in made, cifar_resnet20")


def test_what_is_not_enough_says_why(evidence):
    assert one(evidence, "few")["why"] == "Rows of both have 1 seed in common; a test needs 3."
    smoke = one(evidence, "tried")
    assert (smoke["only_smoke_test"], smoke["cases"]) == ("yes", 0)
    assert smoke["why"] == "Only a smoke test speaks to it, and a smoke test decides nothing."
    assert pd.isna(smoke["effect"])
    assert one(evidence, "nobody")["why"] == "No rows here speak to it."


def test_an_open_claim_says_how_many_seeds_would_decide_it(evidence):
    """By hand: (t at half of 5 % and at 80 %, squared) times the variance of a difference over the squared distance."""
    few, more = one(evidence, "wild", margin=3.0), one(evidence, "wild", margin=1.5)
    assert few["verdict"] == more["verdict"] == OPEN
    assert 5 < few["seeds_needed"] < more["seeds_needed"] < 200
    assert f"about {more['seeds_needed']} seeds would decide it" in more["why"]
    nearly = one(evidence, "wild", margin=0.2)
    assert pd.isna(nearly["seeds_needed"])
    assert "not even 1,000 seeds" in nearly["why"]


@pytest.mark.parametrize(("gap", "sd"), [(1.0, 1.0), (2.0, 1.0), (0.5, 1.0)])
def test_as_many_seeds_as_are_said_to_be_needed_decide_it_with_that_chance(gap, sd):
    """By drawing them: neither too few nor many more, though three seeds' own t is four times as wide."""
    three = [gap - sd, gap, gap + sd]
    case = judge(claim("wild"), three, where={}, compare={}, against={}, failed=0, smoke=False)
    needed = seeds_needed(weigh(claim("wild"), [case]), tested=10)
    drawn = np.random.default_rng(0).normal(gap, sd, size=(20_000, needed))
    t = drawn.mean(1) / (drawn.std(1, ddof=1) / needed**0.5)
    assert (stdtr(needed - 1, -t) <= ERROR / 2 / 10).mean() == pytest.approx(POWER, abs=0.06)


def test_holm_corrects_over_all_claims(evidence):
    weak = claim("wild", margin=3.6, expect="below")  # is 3.8 above its line, of a standard error of about 1.2
    alone = decided(evidence, weak=weak).loc["weak"]
    crowd = {f"other_{i}": claim("wild", margin=i / 100) for i in range(10)}
    among = decided(evidence, weak=weak, **crowd).loc["weak"]
    assert alone["verdict"] == CONTRADICTED
    assert among["verdict"] == OPEN
    assert among["p"] == pytest.approx(11 * alone["p"], rel=0.02)
    certain = decided(evidence, sure=claim("better"), **crowd).loc["sure"]
    assert certain["verdict"] == SUPPORTED


def test_everywhere_means_in_each_setting_and_somewhere_in_one(evidence):
    both = {"where": {"suite": ["made", "second"]}}
    assert one(evidence, "better", **both)["verdict"] == CONTRADICTED
    found = one(evidence, "better", holds="somewhere", **both)
    assert (found["verdict"], found["cases"], found["suites"]) == (SUPPORTED, 3, "made, second")
    assert one(evidence, "worse", holds="somewhere")["verdict"] == CONTRADICTED
    assert one(evidence, ["equal", "worse"], expect="not below", margin=0.5)["verdict"] == CONTRADICTED
    matching = {"expect": "not below", "margin": 0.5, "holds": "somewhere"}
    assert one(evidence, ["equal", "worse"], **matching)["verdict"] == SUPPORTED


def test_what_holds_everywhere_waits_for_the_rows_of_suites_that_were_begun(evidence):
    row = {"suite": "made", "dataset": "cifar10", "backbone": "cifar_resnet20", "recipe": "shared", "leads": "yes"}
    row |= {"variant": "", "family": "weakly modular"}
    asked = [row | {"method": m, "modules": k} for m, k in (("e2ebp", 1), ("better", 2), ("better", 4), ("better", 8))]
    asked += [row | {"method": "worse", "modules": k} for k in (2, 8)]
    waits = Evidence(evidence.board, evidence.cells, pd.DataFrame(asked), evidence.smoke)
    found = one(waits, "better")
    assert found["verdict"] == UNTESTED
    assert (
        found["why"] == "Known in 2 settings, of which none decides it alone; it waits for 1 more of half-run suites."
    )
    assert one(waits, {"method": "better", "modules": [2, 4]})["verdict"] == SUPPORTED
    assert one(waits, "worse")["verdict"] == CONTRADICTED  # one setting is enough
    assert one(waits, "worse", holds="somewhere")["verdict"] == UNTESTED
    assert one(waits, "better", holds="somewhere")["verdict"] == SUPPORTED


def test_nothing_waits_for_rows_that_have_all_the_seeds_that_their_suite_asks_for(evidence):
    """`few` has one seed: no test comes of it where that is all that is asked, and one may where five are."""
    row = {"suite": "made", "dataset": "cifar10", "backbone": "cifar_resnet20", "recipe": "shared", "leads": "yes"}
    row |= {"variant": "", "family": "weakly modular"}
    asked = pd.DataFrame(
        [row | {"method": m, "modules": k} for m, k in (("e2ebp", 1), ("better", 2), ("better", 4), ("few", 2))]
    )
    both = claim(["better", "few"])
    begun = Evidence(evidence.board, evidence.cells, asked, evidence.smoke)
    assert decided(begun, it=both).loc["it", "verdict"] == UNTESTED
    one_seed = evidence.board["n_asked"].mask(evidence.board["method"] == "few", 1)
    over = Evidence(evidence.board.assign(n_asked=one_seed), evidence.cells, asked, evidence.smoke)
    found = decided(over, it=both).loc["it"]
    assert found["verdict"] == SUPPORTED
    assert (found["cases"], found["found"]) == (2, 3)


def test_a_cell_that_broke_keeps_a_claim_from_support_and_not_from_contradiction(evidence):
    found = one(evidence, "broken")
    assert (found["verdict"], found["n"]) == (OPEN, 4)
    assert "whatever other seeds say" in found["why"]
    assert one(evidence, "broken", margin=3.0)["verdict"] == CONTRADICTED


@pytest.mark.parametrize(
    ("broken_side", "gap", "changes", "verdict"),
    [
        ("against", -3.0, {"expect": "above"}, OPEN),  # the other side's mean is without the seed that broke
        ("against", 3.0, {"expect": "above"}, SUPPORTED),
        ("against", -3.0, {"expect": "below"}, OPEN),
        ("against", 3.0, {"expect": "below"}, CONTRADICTED),
        ("compare", 3.0, {"expect": "below"}, OPEN),
        ("compare", 3.0, {"expect": "not above", "margin": 0.5}, OPEN),
        ("compare", -3.0, {"expect": "above"}, CONTRADICTED),
    ],
)
def test_a_mean_without_the_seeds_that_broke_decides_nothing_for_its_side(tmp_path, broken_side, gap, changes, verdict):
    broken = {"compare": "one", "against": "other"}[broken_side]
    runs = [make_record("e2ebp", 1, s, twin, **MADE) for s, twin in enumerate(TWIN)]
    for s, twin in enumerate(TWIN):
        for name, lead in (("one", gap), ("other", 0.0)):
            status = "diverged" if s == 4 and name == broken else "ok"
            runs.append(make_record(name, 2, s, twin - 2 + lead + NOISE[s], status=status, **MADE))
    cells = load(write_runs(tmp_path / "runs", *runs))
    found = one(Evidence(leaderboard(cells).assign(leads="yes"), cells), "one", against="other", **changes)
    assert (found["verdict"], found["n"]) == (verdict, 4)
    assert "did not" in found["why"]
    if verdict == OPEN:
        assert pd.isna(found["seeds_needed"])


def test_costs_that_no_seed_moves_are_compared_without_a_test(evidence):
    found = one(evidence, {"method": "better", "modules": [2, 4]}, metric="memory", expect="below", margin=45)
    assert (found["verdict"], found["unit"], found["effect"]) == (SUPPORTED, "%", -50.0)
    assert pd.isna(found["p"])
    assert found["why"] == "Compared without a test in 2 settings, of which 2 on its side: no seed moves it."
    deeper = {"metric": "memory", "expect": "below", "margin": 60}
    found = one(evidence, "better", **deeper)
    assert (found["verdict"], "2 settings, of which 1 on its side" in found["why"]) == (CONTRADICTED, True)
    assert one(evidence, "better", **deeper, holds="somewhere")["verdict"] == SUPPORTED  # at K = 4
    assert one(evidence, "few", metric="memory", expect="below")["verdict"] == SUPPORTED  # of one seed
    assert one(evidence, "better", metric="FLOPs", expect="not above", margin=20)["verdict"] == SUPPORTED
    assert one(evidence, "tried", metric="memory", expect="not above", margin=5)["verdict"] == UNTESTED


def test_times_are_tested(evidence):
    found = one(evidence, "better", metric="time")
    assert (found["verdict"], found["unit"]) == (SUPPORTED, "%")
    assert found["effect"] == pytest.approx(30, abs=0.1)


def test_the_table_of_cases_keeps_the_nearest_and_says_how_many_there_are(evidence, monkeypatch):
    monkeypatch.setattr("benchmark.tables.claims.KEPT", 2)
    claims = {"it": claim(["better", "worse", "equal"], holds="somewhere")}
    table, cases = tables_of_claims(claims, evidence, Path("nowhere"))
    assert table.loc[0, ["cases", "found"]].tolist() == [6, 6]
    assert set(cases["compare"]) == {"better, K = 2", "better, K = 4"}
    assert cases["decides"].tolist() == ["yes", "no"]
    everywhere = {"it": claim(["better", "worse", "equal"])}
    _, cases = tables_of_claims(everywhere, evidence, Path("nowhere"))
    assert set(cases["compare"]) == {"worse, K = 2", "worse, K = 4"}


def test_the_other_side_has_the_same_k_or_the_k_that_the_claim_names(evidence):
    _, cases = tables_of_claims({"it": claim("better", against="worse")}, evidence, Path("nowhere"))
    assert set(zip(cases["compare"], cases["against"], strict=True)) == {
        ("better, K = 2", "worse, K = 2"),
        ("better, K = 4", "worse, K = 4"),
    }
    deeper = {"compare": {"method": "better", "modules": 4}, "against": {"method": "better", "modules": 2}}
    _, cases = tables_of_claims({"it": claim(**deeper)}, evidence, Path("nowhere"))
    assert cases["against"].tolist() == ["better, K = 2"]
    assert cases.loc[0, ["compare_row", "against_row"]].tolist() == ["better, K = 4, shared", "better, K = 2, shared"]


def test_of_several_methods_each_is_compared_at_its_own_k(evidence):
    """What no cut changes has K = 1 alone, and is left out neither beside a method that has the K nor as the first."""

    def cases(compare, against):
        both = claim(compare, against=against, where={"suite": "made"})
        _, found = tables_of_claims({"it": both}, evidence, Path("nowhere"))
        return sorted(zip(found["compare"], found["against"], strict=True))

    assert cases("better", ["e2ebp", "worse"]) == [
        ("better, K = 2", "e2ebp, K = 1"),
        ("better, K = 2", "worse, K = 2"),
        ("better, K = 4", "e2ebp, K = 1"),
        ("better, K = 4", "worse, K = 4"),
    ]
    assert cases("e2ebp", "worse") == [("e2ebp, K = 1", "worse, K = 2"), ("e2ebp, K = 1", "worse, K = 4")]


def test_at_equal_epochs_backpropagation_has_as_many(tmp_path):
    """It gains 2 points from twice the epochs, which a method of two phases has."""
    runs = [make_record("e2ebp", 1, s, 90.0 + s, epochs=4, **MADE) for s in range(3)]
    runs += [make_record("e2ebp", 1, s, 92.0 + s, epochs=8, times=2, **MADE) for s in range(3)]
    runs += [make_record("phases", 2, s, 91.0 + s, epochs=8, **MADE) for s in range(3)]
    cells = load(write_runs(tmp_path / "runs", *runs))
    evidence = Evidence(leaderboard(cells).assign(leads="yes"), cells)
    assert one(evidence, "phases")["effect"] == 1.0
    assert one(evidence, "phases", metric="accuracy at equal epochs")["effect"] == -1.0


def test_at_equal_epochs_the_scatter_is_of_the_runs_compared(tmp_path):
    """Backpropagation's own epochs give the same top-1 with every seed; twice of them do not."""
    runs = [make_record("e2ebp", 1, s, 90.0, epochs=4, **MADE) for s in range(3)]
    runs += [make_record("steady", 2, s, 91.0 + NOISE[s], epochs=4, **MADE) for s in range(3)]
    runs += [make_record("phases", 2, s, 92.5, epochs=8, **MADE) for s in range(3)]
    equal = {"metric": "accuracy at equal epochs"}

    def half(scatter: float) -> pd.Series:
        longer = [make_record("e2ebp", 1, s, 92.0 + scatter * (s - 1), epochs=8, times=2, **MADE) for s in range(3)]
        cells = load(write_runs(tmp_path / str(scatter), *runs, *longer))
        return one(Evidence(leaderboard(cells).assign(leads="yes"), cells), "phases", **equal)["half"]

    assert half(2.0) > 5 * half(0.02)


def plans(folder: Path) -> Path:
    """Peaks of two methods at two K, of a network that nobody trained."""
    rows = [
        {"method": m, "variant": v, "backbone": "resnet110", "modules": k, "peak_gb": gb, "step_gflops": 100.0}
        for m, v, k, gb in (("e2ebp", "", 1, 8.0), ("lean", "", 2, 6.0), ("lean", "", 16, 1.0), ("fat", "b", 2, 9.0))
    ]
    rows += [rows[0] | {"method": "refused", "peak_gb": None, "step_gflops": None}]
    rows = [row | {"protocol": PROTOCOL} for row in rows]
    rows += [row | {"variant": "of an earlier engine", "protocol": PROTOCOL - 1} for row in rows]
    (folder / "plans").mkdir()
    (folder / "plans" / "old.csv").write_text("method,variant,backbone,modules,peak_gb,step_gflops\nlean,,a,2,1,1\n")
    pd.DataFrame(rows).to_csv(folder / "plans" / "paper.csv", index=False)
    return folder / "plans"


def test_what_nobody_trained_is_decided_by_plans_and_said_to_be(evidence, tmp_path):
    suite = SimpleNamespace(dataset="cifar10", recipe=SimpleNamespace(batch=1024))
    families = dict.fromkeys(("e2ebp", "lean", "fat", "refused", "better"), "weakly modular")
    planned = rows_planned(plans(tmp_path), {"paper": suite, "unplanned": suite, "old": suite}, families)
    assert planned["method"].tolist() == ["e2ebp", "lean", "lean", "fat"]
    both = Evidence(evidence.board, evidence.cells, evidence.asked, evidence.smoke, planned)
    saves = {"metric": "memory", "expect": "below", "where": {}}
    found = one(both, "lean", **saves, margin=80, holds="somewhere")
    assert found[["verdict", "evidence", "effect"]].tolist() == [SUPPORTED, SIMULATED, -87.5]
    assert pd.isna(found["n"])
    assert found["decided_by"] == "lean, K = 16, in paper, resnet110"
    assert found["why"].startswith(
        "Simulated alone (`beyond plan`), with 1,024 pictures a step, in 2 settings, of which 1"
    )
    assert one(both, "lean", **saves, margin=80)["verdict"] == CONTRADICTED
    _, cases = tables_of_claims({"it": claim("fat", against="lean", **saves)}, both, tmp_path)
    assert cases[["against", "effect", "n", "evidence", "against_row"]].values.tolist() == [
        ["lean, K = 2", 50.0, 0, SIMULATED, ""]
    ]
    of_one_network = saves | {"where": {"backbone": "resnet32"}}
    assert one(both, "lean", **of_one_network)["verdict"] == UNTESTED
    assert one(both, "lean", expect="above", where={})["verdict"] == UNTESTED, "plans say nothing of accuracy"


def test_trained_and_simulated_rows_are_never_mixed(evidence, tmp_path):
    twin = {"suite": "paper", "dataset": "cifar10", "backbone": "resnet110", "batch": 8, "recipe": "", "leads": "yes"}
    twin |= {"method": "e2ebp", "variant": "", "family": "", "modules": 1, "peak_gb": 1.0, "step_gflops": 1.0}
    planned = pd.DataFrame([twin, twin | {"method": "better", "modules": 2, "peak_gb": 3.0}])
    both = Evidence(evidence.board, evidence.cells, evidence.asked, evidence.smoke, planned)
    found = one(both, "better", metric="memory", expect="below", where={"suite": ["made", "paper"]})
    assert found[["verdict", "evidence", "suites"]].tolist() == [SUPPORTED, TRAINED, "made"]


def test_what_trains_nothing_is_of_no_family_in_claims():
    says = {"family": "strictly modular"}
    assert family_that_claims(says | {"leaves": ("hidden", "output")}) == ""
    assert family_that_claims(says | {"leaves": ("hidden",)}) == family_that_claims(says) == "strictly modular"


def test_a_table_that_nobody_writes_is_said(tmp_path):
    """Else the claim would be one that nobody has tested yet."""
    (tmp_path / "suites.yaml").write_text("{}")
    write_runs(tmp_path / "runs", make_record())
    for table, said in (("labels", None), ("label", r"it\.table: there is no table label; did you mean labels")):
        text = yaml.safe_dump({"it": claim("e2ebp", table=table, metric="auc", against=0.0, where={}).model_dump()})
        (tmp_path / "claims.yaml").write_text(text)
        with pytest.raises(UserError, match=said) if said else nullcontext():
            write_own_tables(tmp_path)


def test_a_row_of_no_family_keeps_its_cells(evidence):
    rows = evidence.board.assign(family=evidence.board["family"].where(evidence.board["method"] != "worse", ""))
    found = one(Evidence(rows, evidence.cells, smoke=evidence.smoke), "better", against="worse", margin=4.9)
    assert (found["verdict"], found["n"]) == (SUPPORTED, 5)


@pytest.mark.parametrize(
    ("compare", "where", "sentence"),
    [
        ("beter", {}, r"it\.compare: there is no method beter; did you mean better"),
        ({"family": "strict"}, {}, r"it\.compare: there is no family strict; did you mean strictly modular\?"),
        ("better", {"suite": ["made", "mad"]}, r"it\.where: there is no suite mad; did you mean made\?"),
    ],
)
def test_a_name_of_nothing_is_a_mistake_and_not_a_row_that_nobody_ran(compare, where, sentence):
    known = {"method": {"better", "e2ebp"}, "suite": {"made"}, "family": {"strictly modular"}}
    check_names({"it": claim("better", against="e2ebp", where={"dataset": "any"})}, known)
    with pytest.raises(UserError, match=sentence):
        check_names({"it": claim(compare, where=where)}, known)


def track(tmp_path: Path, **columns) -> Path:
    rows = [
        {"suite": "made", "method": m, "labels": n, "seed": s, "draw": d, "accuracy": top + n + s + d / 10}
        for m, top in (("pairs", 60.0), ("scratch", 40.0))
        for n in (1, 10)
        for s in range(3)
        for d in range(2)
    ]
    pd.DataFrame(rows).assign(**columns).to_csv(tmp_path / "labels.csv", index=False)
    return tmp_path


def test_a_claim_may_be_of_a_tracks_table(evidence, tmp_path):
    results = track(tmp_path)
    of_track = {"table": "labels", "metric": "accuracy", "where": {"labels": 1}, "unit": "percent"}
    against = claim("pairs", against="scratch", margin=15, **of_track)
    number = claim({"method": "pairs"}, against=70.0, **of_track)
    by_draw = claim("pairs", against="scratch", pair_by="draw", **of_track)
    found = decided(evidence, results, against=against, number=number, by_draw=by_draw)
    assert found.loc["against", ["verdict", "effect", "n", "unit"]].tolist() == [SUPPORTED, 20.0, 3, "percent"]
    assert found.loc["number", ["verdict", "effect"]].tolist() == [CONTRADICTED, -7.95]
    assert found.loc["by_draw", "why"] == "Rows of both have 2 draws in common; a test needs 3."
    assert decided(evidence, tmp_path / "gone", against=against).loc["against", "verdict"] == UNTESTED


def test_a_table_of_means_is_tested_unpaired(evidence, tmp_path):
    """Welch's t by hand: half = 0.5 of three seeds is a standard error of 0.5 / 4.303."""
    rows = [
        {"method": m, "per_class": p, "top1": top, "half": 0.5, "n": 3}
        for m, top in (("a", 62.0), ("b", 60.0))
        for p in ("1", "all")
    ]
    rows += [{"method": "c", "per_class": "1", "top1": 70.0, "half": None, "n": 1}]
    pd.DataFrame(rows).to_csv(tmp_path / "labels.csv", index=False)
    of_track = {"table": "labels", "metric": "top1", "half": "half", "where": {"per_class": 1}}
    claims = {"above": claim("a", against="b", **of_track), "one_seed": claim("c", against="b", **of_track)}
    claims["number"] = claim("a", against=61.9, **of_track)
    found = decided(evidence, tmp_path, **claims)
    assert found["verdict"].tolist() == [SUPPORTED, UNTESTED, OPEN]
    error = 2**0.5 * 0.5 / 4.302653
    assert found.loc["above", "half"] == pytest.approx(2.776445 * error, abs=1e-3)  # 4 degrees of freedom
    assert found.loc["number", "half"] == pytest.approx(0.5, abs=1e-3)
    assert "by means and intervals, unpaired" in found.loc["above", "why"]


def test_a_bootstrapped_interval_is_taken_as_it_stands(evidence, tmp_path):
    row = {"score": "proxy", "over": 0.2, "low": 0.1, "high": 0.3, "tasks": 15}
    pd.DataFrame([row, row | {"score": "random", "over": 0.05}]).to_csv(tmp_path / "transfer.csv", index=False)
    of_track = {"table": "transfer", "metric": "over", "half": ["low", "high"], "count": "tasks", "where": {}}
    of_track |= {"against": 0.0, "unit": "of tau"}
    claims = {"ours": claim({"score": "proxy"}, **of_track), "chance": claim({"score": "random"}, **of_track)}
    found = decided(evidence, tmp_path, **claims)
    assert found["verdict"].tolist() == [SUPPORTED, OPEN]
    assert found.loc["ours", ["half", "n"]].tolist() == [0.1, 15]
    assert "by the 95 % intervals that the table `transfer` has" in found.loc["ours", "why"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metric": "acc", "table": "labels", "where": {}}, "my_claim: `metric` names the column acc"),
        (
            {"pair_by": "target", "metric": "accuracy", "table": "labels", "where": {}},
            "`pair_by` names the column target",
        ),
        ({"where": {"sweet": "made"}}, "my_claim: `where` names the column sweet, which is not there"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_its_claim(evidence, tmp_path, changes, sentence):
    with pytest.raises(UserError, match=rf"claims\.yaml: .*{sentence}"):
        decided(evidence, track(tmp_path), my_claim=claim("pairs", **changes))


def test_tables_are_written_where_there_are_claims_and_go_with_them(tmp_path):
    write_runs(tmp_path / "runs", *(make_record("e2ebp", 1, s, 90.0, **MADE) for s in range(3)))
    block = claim("dgl", where={"suite": "made"}).model_dump(mode="json", exclude_none=True)
    (tmp_path / NAME).write_text(yaml.safe_dump({"mine": block}))
    write_own_tables(tmp_path)
    assert pd.read_csv(tmp_path / "claims.csv").loc[0, ["claim", "verdict"]].tolist() == ["mine", UNTESTED]
    assert (tmp_path / "claim_cases.csv").exists()
    (tmp_path / NAME).unlink()
    write_own_tables(tmp_path)
    assert not list(tmp_path.glob("claim*"))


def test_no_claim_rests_on_a_table_whose_networks_are_gone(tmp_path):
    write_runs(tmp_path / "runs", *(make_record("e2ebp", 1, s, 90.0, **MADE) for s in range(3)))
    track(tmp_path, method="dgl")
    of_track = {"table": "labels", "metric": "accuracy", "where": {}, "against": 40.0}
    block = claim("dgl", **of_track).model_dump(mode="json", exclude_none=True)
    (tmp_path / NAME).write_text(yaml.safe_dump({"mine": block}))
    write_own_tables(tmp_path)
    assert not (tmp_path / "labels.csv").exists()
    assert pd.read_csv(tmp_path / "claims.csv").loc[0, "verdict"] == UNTESTED


def test_rows_of_the_one_recipe_for_all_decide_nothing_where_the_suite_asks_for_tuned_ones():
    board = pd.DataFrame({"suite": ["a", "a", "b"], "recipe": ["shared", "tuned", "shared"], "leads": "yes"})
    defined = {"a": SimpleNamespace(leading="tuned"), "b": SimpleNamespace(leading="shared")}
    assert led_as_defined(board, defined).tolist() == ["no", "yes", "yes"]


def test_a_claim_waits_for_a_suite_of_which_half_is_run_and_not_for_what_was_run_first():
    said = {"title": "x", "dataset": "digits", "backbones": [{"name": "cifar_resnet8"}], "modules": [2], "seeds": 2}
    said |= {"recipe": {"epochs": 1, "batch": 8, "lr": 0.1}, "validation": 0.1}
    suite = Suite.model_validate(said | {"methods": ["e2ebp", "dgl", "greedy_sl", "predsim"]})
    row = {"suite": "one", "backbone": "cifar_resnet8", "recipe": "shared", "leads": "yes", "times": float("nan")}
    row |= {"n_asked": 2, "n_total": 2, "modules": 2, "variant": ""}
    rows = [row | {"method": "e2ebp", "modules": 1}, row | {"method": "predsim", "variant": "predsim"}]
    assert rows_asked(pd.DataFrame(rows[:1]), {"one": suite}).empty
    assert rows_asked(pd.DataFrame([rows[0], rows[1] | {"n_total": 1}]), {"one": suite}).empty
    half = rows_asked(pd.DataFrame(rows), {"one": suite})
    assert half["method"].tolist() == ["dgl", "e2ebp", "greedy_sl", "predsim"]
    assert rows_asked(pd.DataFrame(rows), {}).empty
