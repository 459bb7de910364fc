"""The order of rows for a reader: one block a method, its K and variants inside, since ranks are of methods."""

import pandas as pd

from benchmark.tables.columns import COMPARISON, is_reference, is_twin

BLOCK = ["suite", "recipe", "method"]
INSIDE = ["other", "backbone", "variant", "modules", "cuts"]


def in_blocks(board: pd.DataFrame) -> pd.DataFrame:
    """The rows sorted into blocks, with the number of each in a column ``block``.

    Suites as :func:`suites_in_order` says, of each the recipe that leads first; then the references, the ranked
    methods by their intervals, and all others; those of the same interval, or of none, by their mean accuracy.
    """
    compared = board["test_top1_pct"].where(board["kind"] == "") if "kind" in board else board["test_top1_pct"]
    mean = compared.groupby([board[name] for name in BLOCK]).transform("mean")
    ranks = board.groupby(BLOCK)[["rank_low", "rank_high"]].transform("min").astype(float)
    order = pd.DataFrame(
        {
            "suite": board["suite"].map({suite: i for i, suite in enumerate(suites_in_order(board))}),
            "behind": board["leads"] != "yes",
            "recipe": board["recipe"],
            "measured": ~is_reference(board),
            "low": ranks["rank_low"],
            "high": ranks["rank_high"],
            "worse": -mean,
            "method": board["method"],
            "other": compared.isna() & board["test_top1_pct"].notna(),
            **{name: board[name] for name in INSIDE[1:]},
        }
    )
    rows = board.loc[order.sort_values([str(name) for name in order], kind="stable").index]
    return rows.assign(block=rows.groupby(BLOCK, sort=False).ngroup())


def suites_in_order(rows: pd.DataFrame) -> list[str]:
    """Comparisons first; of them those with most methods, and then those that are hardest for the twin.

    Args:
        rows: rows of the leaderboard.
    """
    reached = rows[rows["test_top1_pct"].notna() & rows["times"].isna()]
    order = pd.DataFrame({"apart": (rows["role"] != COMPARISON).groupby(rows["suite"]).any()})
    order["few"] = -reached.groupby("suite")["method"].nunique()
    order["easy"] = reached[is_twin(reached)].groupby("suite")["test_top1_pct"].mean()
    return [str(suite) for suite in order.sort_values(["apart", "few", "easy"], kind="stable").index]


def once(values: pd.Series, block: pd.Series) -> pd.Series:
    """The values where a block begins, and nothing where it goes on."""
    return values.where(block != block.shift(), "")
