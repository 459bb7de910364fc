"""Who is certainly above whom, against hand computations: of three seeds p = 1 - t / sqrt(t^2 + 2) ."""

import numpy as np
import pandas as pd
import pytest

from benchmark.tables.certainty import certainly_above, holm, p_value, rank_intervals

CLEAR, UNCLEAR = [1.0, 1.2, 1.1], [-0.2, 0.5, 0.9]
SPREAD = 3**0.5 / 5  # differences 1 - SPREAD, 1, 1 + SPREAD have t = sqrt(3) / SPREAD = 5, p = 1 - 5 / sqrt(27)


def intervals(**scores):
    ranks = rank_intervals(pd.DataFrame(scores, dtype=float))
    return dict(zip(ranks.index, ranks[["rank_low", "rank_high"]].itertuples(index=False, name=None), strict=True))


def above_by(differences, base=(80.0, 81.0, 80.5)):
    return [b + d for b, d in zip(base, differences, strict=True)]


def test_p_is_that_of_the_paired_t_test():
    assert p_value(np.array([1 - SPREAD, 1, 1 + SPREAD])) == pytest.approx(1 - 5 / 27**0.5, rel=1e-9)
    # mean 0.4, squared deviations 0.36 + 0.01 + 0.25, s² = 0.31: t = 0.4 / sqrt(0.31 / 3)
    t = 0.4 / (0.31 / 3) ** 0.5
    assert p_value(np.array(UNCLEAR)) == pytest.approx(1 - t / (t**2 + 2) ** 0.5, rel=1e-9)
    assert p_value(np.array([1.0, 1.2])) == 1.0  # two seeds
    assert p_value(np.array([0.5, 0.5, 0.5])) == 0.0
    assert p_value(np.zeros(3)) == 1.0


def test_two_methods_that_differ_by_more_than_noise_are_first_and_second():
    assert intervals(a=above_by([0, 0, 0]), b=above_by(CLEAR)) == {"a": (2, 2), "b": (1, 1)}


def test_two_methods_that_do_not_are_each_first_or_second():
    assert intervals(a=above_by([0, 0, 0]), b=above_by(UNCLEAR)) == {"a": (1, 2), "b": (1, 2)}


def test_the_number_of_pairs_is_corrected_for():
    base, higher = above_by([0, 0, 0]), above_by([1 - SPREAD, 1, 1 + SPREAD])
    assert intervals(a=base, b=higher) == {"a": (2, 2), "b": (1, 1)}  # p = 0.038 of one pair
    assert set(intervals(a=base, b=higher, c=base).values()) == {(1, 3)}  # and of three, beyond 0.05 / 3


def test_holm_goes_on_until_one_fails():
    assert holm([0.04, 0.01, 0.02]).tolist() == [True, True, True]  # against 0.05 / 3, 0.05 / 2 and 0.05
    assert holm([0.04, 0.01, 0.03]).tolist() == [False, True, False]  # 0.03 fails at 0.025, and 0.04 is not tried
    assert holm([0.02, 0.2]).tolist() == [True, False]
    assert holm([]).tolist() == []


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


def test_a_seed_that_one_lacks_is_left_out_for_the_pair():
    a, b = [80.0, 81.0, 80.5, 10.0], [81.0, 82.2, 81.6, np.nan]
    assert certainly_above(np.array([a, b]).T).tolist() == [[False, False], [True, False]]
    b[2] = np.nan  # two common seeds
    assert not certainly_above(np.array([a, b]).T).any()


def test_no_methods_have_no_ranks():
    assert rank_intervals(pd.DataFrame()).empty
