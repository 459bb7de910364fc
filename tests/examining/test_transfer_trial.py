"""Rank correlations against scipy, and a trial of scores of which it is known what they are worth."""

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, weightedtau

from benchmark.examining.estimators.transfer.ranking import kendall, pearson, regret, weighted_kendall
from benchmark.examining.estimators.transfer.trial import (
    RANDOM,
    SOURCE,
    STATIC,
    changes,
    repeatable,
    static_list,
    trials,
)


def lists(rows=30, n=12, ties=False):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, rows, n))
    return (a.round(), b.round()) if ties else (a, a + b)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(kendall, kendalltau), (weighted_kendall, weightedtau), (pearson, pearsonr)]
)
def test_correlations_are_those_of_scipy(ours, theirs, ties):
    a, b = lists(ties=ties)
    valid = np.random.default_rng(1).random(a.shape) < 0.8
    expected = [theirs(x[v], y[v]).statistic for x, y, v in zip(a, b, valid, strict=True)]
    assert ours(a, b, valid) == pytest.approx(expected)


@pytest.mark.parametrize("statistic", [kendall, weighted_kendall, pearson])
def test_a_constant_orders_nothing(statistic):
    assert statistic(np.full((1, 5), 0.1), np.arange(5.0)[None], np.ones((1, 5), dtype=bool)) == 0


def test_regret_is_what_the_pick_costs():
    truths = np.array([[70.0, 80.0, 90.0, 99.0]])
    valid = np.array([[True, True, True, False]])
    assert regret(np.array([[1.0, 3.0, 2.0, 9.0]]), truths, valid) == 10
    assert regret(np.array([[2.0, 2.0, 1.0, 9.0]]), truths, valid) == 15  # either of two
    assert regret(np.zeros((1, 4)), truths, valid) == 10  # any of three: 90 less their mean


def test_the_static_list_looks_at_other_targets_alone():
    truths = np.array([[9.0, 1.0, 2.0], [3.0, 9.0, 4.0], [5.0, 6.0, 9.0]])
    # source 0: targets 1 and 2 count, never its own; for target 1, target 2 alone is left
    assert static_list(truths)[:, 0] == pytest.approx([4.0, 5.0, 3.0])


def table(tasks=14, own=1.0, noise=0.0, seed=0):
    """Truths: what a source is worth anywhere, and `own` times what it is worth to a target alone."""
    draw = np.random.default_rng(seed)
    anywhere, here = draw.normal(size=tasks), draw.normal(size=(tasks, tasks))
    return 80 + anywhere + own * here + noise * draw.normal(size=(tasks, tasks)), anywhere


def test_a_score_that_knows_the_target_is_an_estimate_and_others_are_none():
    truths, anywhere = table()
    draw = np.random.default_rng(5)
    scores = {
        "knows": truths + 0.3 * draw.normal(size=truths.shape),
        "lists": np.broadcast_to(anywhere + 0.5 * draw.normal(size=14), truths.shape),
        "guesses": draw.normal(size=truths.shape),
        "errs": -truths,
    }
    found = trials(scores, truths, np.diag(truths), draws=200)
    verdicts = {name: trial.verdict for name, trial in found.items()}
    assert verdicts == {
        "knows": "estimate",
        "lists": "no estimate",
        "guesses": "no estimate",
        "errs": "no estimate",
        STATIC: "baseline",
        SOURCE: "baseline",
        RANDOM: "baseline",
    }
    assert found["knows"].beats_static > 0.9
    assert found["errs"].tau.mean == pytest.approx(-1)
    assert found["errs"].regret.mean > found[RANDOM].regret.mean > found["knows"].regret.mean
    assert found[STATIC].over_static == type(found[STATIC].over_static)(0.0, 0.0, 0.0)
    assert found[RANDOM].weighted_tau.mean == 0
    for trial in found.values():
        assert trial.weighted_tau.low <= trial.weighted_tau.mean <= trial.weighted_tau.high or trial.score == "errs"


def test_a_score_no_better_than_chance_is_no_estimate_where_the_list_is_worse():
    """Of two kinds of targets, as many of each, one ranks sources the other way round: the others' list misleads."""
    draw = np.random.default_rng(0)
    sign = np.where(np.arange(12) % 2, 1.0, -1.0)[:, None]
    truths = 80 + sign * np.arange(12.0) + 0.1 * draw.normal(size=(12, 12))
    found = trials({"says nothing": np.zeros(truths.shape)}, truths, np.diag(truths), draws=100)
    assert found[STATIC].tau.mean < -0.2
    assert found["says nothing"].over_static.low > 0
    assert found["says nothing"].verdict == "no estimate"


def test_who_tries_many_scores_is_asked_for_more():
    truths, anywhere = table()
    draw = np.random.default_rng(3)
    one = {"a": truths + 0.3 * draw.normal(size=truths.shape)}
    others = {f"other {i}": draw.normal(size=truths.shape) for i in range(29)}
    draws = 99
    alone, among = (trials(scores, truths, anywhere, draws=draws)["a"] for scores in (one, one | others))
    assert (alone.over_static, alone.weighted_tau) == (among.over_static, among.weighted_tau)
    assert alone.p == pytest.approx(2 / (1 + draws))  # no draw is at 0 or below: only the sample itself is counted
    assert among.p == pytest.approx(30 * alone.p)  # Holm: it is the smallest of 30
    assert (alone.verdict, among.verdict) == ("estimate", "no estimate")


def test_the_own_source_of_a_target_does_not_count():
    truths, anywhere = table()
    scores = {"a": truths.copy()}
    before = trials(scores, truths, anywhere, draws=20)["a"]
    changed = truths.copy()
    np.fill_diagonal(changed, 0.0)
    np.fill_diagonal(scores["a"], 1e9)
    after = trials(scores, changed, anywhere, draws=20)["a"]
    assert (after.tau, after.regret, after.over_static) == (before.tau, before.regret, before.over_static)


def test_the_bootstrap_covers_what_more_tasks_would_say():
    """Of scores with a known τ in the large, the interval of a small table holds it, and is no wider than need be."""
    large, small = (
        trials({"a": truths + np.random.default_rng(8).normal(size=truths.shape)}, truths, truths[0], draws=200)["a"]
        for truths in (table(tasks=60)[0], table(tasks=14, seed=3)[0])
    )
    assert small.tau.low < large.tau.mean < small.tau.high
    assert small.tau.high - small.tau.low > large.tau.high - large.tau.low


def test_the_ranking_changes_as_much_as_targets_differ():
    one, _ = table(own=0.0)
    some, _ = table(own=1.0)
    none = np.random.default_rng(2).normal(size=(14, 14))
    assert changes(one, draws=50).mean == pytest.approx(1)
    assert 0.1 < changes(some, draws=50).mean < 0.9
    assert abs(changes(none, draws=50).mean) < 0.1


def test_noise_shows_between_the_halves():
    truths, _ = table()
    noisy = truths + np.random.default_rng(4).normal(size=(2, 14, 14))
    assert repeatable(np.stack([truths, truths])) == pytest.approx(1)
    assert 0.2 < repeatable(noisy) < 0.8


def test_too_few_tasks_are_refused():
    with pytest.raises(ValueError, match="too few"):
        trials({}, np.eye(3), np.ones(3))
