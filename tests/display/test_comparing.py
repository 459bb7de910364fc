"""Two rows side by side: differences are paired by seed, and those of the leaderboard; files are compared by line."""

import pytest
from conftest import ROOT
from scipy.stats import ttest_rel

from benchmark.display.comparing import NO_PAIRS, Side, file_difference, finished, paired, ratio, remarks, side
from benchmark.display.reading import read_board, read_cells, read_json
from benchmark.display.rows import choices, others

A = Side("a", "a", "tuned", "digits", {0: 91.0, 1: 92.5, 2: 90.0, 7: 1.0}, [], [], "")
B = Side("b", "b", "tuned", "digits", {2: 90.5, 1: 91.0, 0: 90.0, 8: 99.0}, [], [], "")


def test_differences_are_of_common_seeds_with_the_interval_of_a_paired_t_test():
    found = paired(A, B)
    mine, theirs = [91.0, 92.5, 90.0], [90.0, 91.0, 90.5]
    low, high = ttest_rel(mine, theirs).confidence_interval(0.95)
    assert found.seeds == list(zip([0, 1, 2], mine, theirs, strict=True))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert "holds zero" in found.says
    assert "without an interval" in paired(A, B._replace(seeds={0: 90.0})).says
    assert paired(A, B._replace(seeds={})).says == NO_PAIRS


def test_rows_of_other_pictures_are_no_pairs_and_other_recipes_are_said():
    other = B._replace(pictures="digits-png", recipe="shared")
    assert paired(A, other) is None
    assert len(remarks(A, other)) == 2


def test_a_row_beside_its_twin_has_the_leaderboards_difference():
    results = ROOT / "results"
    board = read_board(results)
    setting = board[board["suite"] == "fashion"]
    row = setting[setting["n_pairs"] > 1].iloc[-1].to_dict()
    twin = setting[setting["row"] == others(setting, row["row"])[0]].iloc[0].to_dict()
    ended = finished(read_cells(results))
    mine, theirs = (side(r, ended, lambda name: read_json(results / name), {}, {}) for r in (row, twin))
    found = paired(mine, theirs)
    assert twin["row"] == row["twin"]
    assert round(found.mean, 2) == row["vs_e2ebp_pct"]
    assert round(found.half, 2) == row["vs_e2ebp_half_pct"]
    assert choices(setting)["row"].nunique() == len(setting)


def test_a_difference_of_files_shortens_what_is_equal():
    old = "\n".join(["first", *map(str, range(12)), "last"])
    new = old.replace("first", "one").replace("last", "end\nmore")
    assert file_difference(old, new) == [
        *("- first", "+ one", "  0", "  1", "  2", "⋯ 6 equal lines", "  9", "  10", "  11"),
        *("- last", "+ end", "+ more"),
    ]
    assert file_difference(old, old) == ["⋯ 14 equal lines"]


def test_a_ratio_is_of_two_amounts():
    assert (ratio(1.0, 4.0), ratio(1.0, 0.0), ratio(None, 1.0)) == ("0.25", "", "")
