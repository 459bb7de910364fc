"""The leaderboard in the terminal."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.tables.cells import SHARED
from benchmark.tables.columns import with_interval
from benchmark.tables.kinds import other_kind
from benchmark.tables.trust import AUTHORS, ELSEWHERE, FAILED, NEVER, OLDER, OTHERS

MARKS = {NEVER: "", OLDER: "", AUTHORS: "(✓)", ELSEWHERE: "(✓)", OTHERS: "✓", FAILED: "✗ not verified"}
LEGEND = (
    "±: half of the 95 % t interval over n seeds; ×: ratio to e2ebp; ✓: somebody else trained a cell again and it "
    "agreed; (✓): its own authors did; ✗: it did not agree."
)


def print_leaderboard(board: pd.DataFrame, console: Console) -> None:
    """A table per suite, recipe and backbone that fits 80 columns; of each suite, the recipe that leads first."""
    board = board.assign(kind=other_kind(board), behind=board["leads"] != "yes")
    board = board.sort_values(["suite", "behind"], kind="stable")
    for (suite, recipe, backbone), rows in board.groupby(["suite", "recipe", "backbone"], sort=False):
        title = Text(f"{suite}: {backbone}" + ("" if recipe == SHARED else f", {recipe}"), "bold")
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
        table.add_column("method", overflow="fold", min_width=22)
        for name in ("K", "test %", "n", "vs e2ebp", "mem×", "time×", "FLOP×"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("")
        for row in rows.to_dict("records"):
            table.add_row(*map(Text, _terminal_row(row)))  # Text: names are no markup
        console.print(table)
    console.print(LEGEND, style="dim", highlight=False)


def _terminal_row(row: Mapping[Hashable, Any]) -> list[str]:
    remarks = [row["kind"], row["status"] if row["status"] != "ok" else "", MARKS[row["verification"]]]
    return [
        f"{row['method']} {row['variant']}".rstrip(),
        str(row["modules"]),
        with_interval(row["test_top1_pct"], row["test_top1_half_pct"]),
        str(row["n_ok"]),
        with_interval(row["vs_e2ebp_pct"], row["vs_e2ebp_half_pct"], sign="+"),
        *("–" if pd.isna(row[c]) else f"{row[c]:.2f}" for c in ("memory_ratio", "time_ratio", "flops_ratio")),
        " ".join(filter(None, remarks)),
    ]
