"""The orders of the leaderboard's rows that a reader may choose, and an address may name."""

import re

import pandas as pd

ORDERS: dict[str, tuple[str, bool] | None] = {  # what it is called: the column, and whether the smallest stands first
    "rank": None,  # the blocks, as they are
    "accuracy": ("test_top1_pct", False),
    "vs end-to-end": ("vs_e2ebp_pct", False),
    "at equal epochs": ("equal_epochs_pct", False),
    "memory": ("memory_ratio", True),
    "time": ("time_ratio", True),
    "FLOPs": ("flops_ratio", True),
    "epochs": ("epochs", True),
    "K": ("modules", True),
    "method": ("method", True),
}
BLANK = "\u2007"  # as wide as a digit, and before all digits in the order of texts


def in_order(rows: pd.DataFrame, order: str) -> pd.DataFrame:
    """The rows in the order of that name; those without a value stand last."""
    by = ORDERS[order]
    return rows if by is None else rows.sort_values(by[0], ascending=by[1], kind="stable")


def aligned(ranks: pd.Series) -> pd.Series:
    """Intervals of ranks, all their numbers of one width: their order as texts is then that of the numbers."""
    width = max((len(number) for rank in ranks for number in re.findall(r"\d+", rank)), default=1)
    return ranks.map(lambda rank: re.sub(r"\d+", lambda found: found[0].rjust(width, BLANK), rank))
