"""Who is certainly above whom, against hand computations and simulated seeds."""

import numpy as np
import pandas as pd
import pytest

from benchmark.holm import holm_adjusted
from benchmark.tables.certainty import (
    LEAST,
    TREND,
    certainly_above,
    compared,
    growth,
    moderated,
    own_variances,
    rank_intervals,
)

CLEAR, UNCLEAR = [1.0, 1.2, 1.1], [-0.2, 0.5, 0.9]
SPREAD = 3**0.5 / 5  # differences 1 - SPREAD, 1, 1 + SPREAD have t = sqrt(3) / SPREAD = 5, p = 1 - 5 / sqrt(27)
BASE = (80.0, 81.0, 80.5)


def intervals(**scores):
    ranks = rank_intervals(pd.DataFrame(scores, dtype=float))
    return dict(zip(ranks.index, ranks[["rank_low", "rank_high"]].itertuples(index=False, name=None), strict=True))


def above_by(differences, base=BASE):
    return [b + d for b, d in zip(base, differences, strict=True)]


def p_of_two(differences):
    return compared(np.array([above_by(differences), BASE]).T)[1].item()


def test_of_two_methods_p_is_that_of_the_paired_t_test():
    assert p_of_two([1 - SPREAD, 1, 1 + SPREAD]) == pytest.approx(1 - 5 / 27**0.5, rel=1e-9)
    # mean 0.4, squared deviations 0.36 + 0.01 + 0.25, s² = 0.31: t = 0.4 / sqrt(0.31 / 3)
    t = 0.4 / (0.31 / 3) ** 0.5
    assert p_of_two(UNCLEAR) == pytest.approx(1 - t / (t**2 + 2) ** 0.5, rel=1e-9)
    assert p_of_two([0, 0, 0]) == 1.0
    t = 0.1 / (2 * LEAST**2 / 3) ** 0.5  # the same three times is not certain beyond all measure
    assert p_of_two([0.1, 0.1, 0.1]) == pytest.approx(1 - t / (t**2 + 2) ** 0.5, rel=1e-9)


def test_what_a_seed_does_to_all_is_no_scatter():
    scores = np.array([[1.0, 2, 3], [2, 3, 5], [4, 5, 6]])
    assert own_variances(scores + np.array([[10.0], [-7], [3]])) == pytest.approx(own_variances(scores))
    assert own_variances(np.array([BASE, BASE, BASE]).T) == pytest.approx([0, 0, 0])
    drawn = np.random.default_rng(0).normal(0, [1.0, 2.0, 3.0, 4.0], (20_000, 4))
    # of the seed's mean each method is a part, so that a little of the others' scatter is in each
    assert own_variances(drawn) == pytest.approx(
        [1 * 2 / 3 + 30 / 12, 4 * 2 / 3 + 2.5, 6 + 2.5, 32 / 3 + 2.5], rel=0.05
    )


def test_variances_that_are_alike_become_one_and_others_stay_apart():
    rng = np.random.default_rng(0)
    alike, freedom = moderated(4 * rng.chisquare(2, 3000) / 2, 2)
    assert alike.mean() == pytest.approx(4, rel=0.05)
    assert alike.std() < 0.5  # of 4 before
    assert freedom > 30
    # Variances drawn from Smyth's prior, of 6 degrees of freedom around 4: its equations find it again.
    apart, freedom = moderated(4 * 6 / rng.chisquare(6, 3000) * rng.chisquare(2, 3000) / 2, 2)
    assert freedom == pytest.approx(6 + 2, rel=0.15)
    assert apart.min() == pytest.approx(4 * 6 / 8, rel=0.1)


@pytest.mark.parametrize("unlike", [0.0, 0.5, 1.0])
def test_noise_puts_nobody_above_and_three_seeds_are_enough_for_what_is_clear(unlike):
    rng, wrong, right = np.random.default_rng(1), 0, []
    truth = np.linspace(0, 9, 16)
    first, second = np.triu_indices(16, 1)
    for _ in range(100):
        noise = rng.normal(0, 0.3, (3, 1)) + rng.normal(0, 1, (3, 16)) * 0.3 * np.exp(rng.normal(0, unlike, 16))
        wrong += certainly_above(noise).any()
        above = certainly_above(noise + truth)
        assert not above[first, second][truth[second] - truth[first] > 5].any()
        right.append(above[second, first][truth[second] - truth[first] > 3].mean())
    assert wrong <= 10  # of 100, where 5 are meant
    assert np.mean(right) > 0.6  # the paired t test with Holm's correction finds a tenth of them


def test_scatter_that_grows_with_the_error_is_fitted_and_none_that_shrinks():
    rng, errors = np.random.default_rng(0), np.geomspace(5, 80, 400)
    found = growth(errors**3 * rng.chisquare(2, 400) / 2, errors)
    assert np.log(found[-1] / found[0]) == pytest.approx(3 * np.log(80 / 5), rel=0.05)
    assert np.log(found).mean() == pytest.approx(0)
    nothing = [
        growth(errors**-3, errors),
        growth(np.ones(400), np.full(400, 9.0)),
        growth(errors[: TREND - 1], errors[: TREND - 1]),
    ]
    assert all((one == 1).all() for one in nothing)
    assert np.isfinite(growth(np.ones(TREND), np.zeros(TREND))).all()


def test_those_at_the_top_are_told_apart_though_those_at_the_bottom_scatter_by_points():
    rng, wrong, right = np.random.default_rng(0), 0, []
    truth = np.repeat([91.0, 89.0, 86.0, 75.0, 35.0], [12, 6, 5, 4, 3])
    scatter = 0.25 * ((100 - truth) / 9) ** 1.5
    first, second = np.triu_indices(len(truth), 1)
    tied, apart = truth[first] == truth[second], truth[first] - truth[second] == 2
    for _ in range(100):
        above = certainly_above(truth + rng.normal(0, 0.2, (3, 1)) + scatter * rng.standard_normal((3, len(truth))))
        wrong += above[second, first].any() or above[first, second][tied].any()
        right.append(above[first, second][apart].mean())
    assert wrong <= 8  # of 100, where 5 are meant
    assert np.mean(right) > 0.7  # as estimates of one scatter, one pair in 3,000


def test_one_method_that_scatters_more_than_all_others_is_not_told_apart_by_noise():
    random, wild, suites = np.random.default_rng(0), np.r_[np.full(19, 0.1), 1.0], 200
    told = [certainly_above(90 + wild * random.standard_normal((3, 20))).any() for _ in range(suites)]
    assert np.mean(told) < 0.08  # drawn down towards the others it would be in every sixth suite


def test_two_methods_that_differ_by_more_than_noise_are_first_and_second():
    assert intervals(a=above_by([0, 0, 0]), b=above_by(CLEAR)) == {"a": (2, 2), "b": (1, 1)}


def test_two_methods_that_do_not_are_each_first_or_second():
    assert intervals(a=above_by([0, 0, 0]), b=above_by(UNCLEAR)) == {"a": (1, 2), "b": (1, 2)}


def test_holm_goes_on_until_one_fails():
    assert (holm_adjusted([0.04, 0.01, 0.02]) <= 0.05).tolist() == [True, True, True]  # at 0.05 / 3, 0.05 / 2 and 0.05
    assert (holm_adjusted([0.04, 0.01, 0.03]) <= 0.05).tolist() == [False, True, False]  # 0.03 fails: 0.04 is not tried
    assert holm_adjusted([0.04, 0.001, 0.013, 0.5, 0.012]) == pytest.approx([0.08, 0.005, 0.048, 0.5, 0.048])
    assert len(holm_adjusted([])) == 0


def test_an_interval_counts_those_certainly_above_and_below():
    low, high = above_by([0, 0, 0]), above_by([20.0, 20.01, 20.02])
    middle = above_by([10.0, 10.01, 10.02])
    like = above_by([10.3, 9.9, 10.1])  # against the middle 0.3, -0.11, 0.08
    found = intervals(low=low, middle=middle, like=like, high=high)
    assert found == {"low": (4, 4), "middle": (2, 3), "like": (2, 3), "high": (1, 1)}


def test_ties_are_above_nobody():
    same = above_by([0, 0, 0])
    assert set(intervals(a=same, b=same, c=same).values()) == {(1, 3)}
    assert set(intervals(a=same, b=[x + 1e-13 for x in same]).values()) == {(1, 2)}  # sums in another order


def test_two_seeds_tell_nobody_apart():
    assert set(intervals(a=[80, 81], b=[90, 91]).values()) == {(1, 2)}


def test_a_seed_that_one_lacks_is_left_out():
    a, b = [80.0, 81.0, 80.5, 10.0], [81.0, 82.2, 81.6, np.nan]
    assert certainly_above(np.array([a, b]).T).tolist() == [[False, False], [True, False]]
    b[2] = np.nan  # two common seeds
    assert not certainly_above(np.array([a, b]).T).any()


def test_no_methods_have_no_ranks():
    assert rank_intervals(pd.DataFrame()).empty
