"""The leaderboard in the terminal."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.tables.blocks import in_blocks, once
from benchmark.tables.cells import SHARED
from benchmark.tables.columns import SMOKE_TEST, rank_in_words, with_interval
from benchmark.tables.kinds import other_kind
from benchmark.tables.trust import AUTHORS, ELSEWHERE, FAILED, NEVER, OLDER, OTHERS

MARKS = {NEVER: "", OLDER: "", AUTHORS: "(✓)", ELSEWHERE: "(✓)", OTHERS: "✓", FAILED: "✗ not verified"}
LEGEND = (
    "rank: those that t tests of paired differences leave possible; none for references, smoke tests, and fewer than "
    "3 seeds. ±: half of the 95 % t interval over n seeds; ×: ratio to e2ebp; ✓: somebody else trained a cell "
    "again and it agreed; (✓): its own authors did; ✗: it did not agree."
)


def print_leaderboard(board: pd.DataFrame, console: Console) -> None:
    """A table per suite, recipe and backbone that fits 80 columns, in it a block a method with its K inside."""
    board = in_blocks(board.assign(kind=other_kind(board)))
    for (suite, recipe, backbone), rows in board.groupby(["suite", "recipe", "backbone"], sort=False):
        ranks = [rank_in_words(*pair) for pair in zip(rows["rank_low"], rows["rank_high"], strict=True)]
        names = (rows["method"] + " " + rows["variant"]).str.rstrip()
        rows = rows.assign(rank=once(pd.Series(ranks, index=rows.index), rows["block"]), name=once(names, names))
        ranked = bool((rows["rank"] != "").any())
        role = f" ({SMOKE_TEST})" if (rows["role"] == SMOKE_TEST).any() else ""
        title = Text(f"{suite}{role}: {backbone}" + ("" if recipe == SHARED else f", {recipe}"), "bold")
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
        table.add_column("method", overflow="fold", min_width=22)
        for name in (*(["rank"] if ranked else []), "K", "test %", "n", "vs e2ebp", "mem×", "time×", "FLOP×"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("")
        for row in rows.to_dict("records"):
            table.add_row(*map(Text, _terminal_row(row, ranked)))  # Text: names are no markup
        console.print(table)
    console.print(LEGEND, style="dim", highlight=False)


def _terminal_row(row: Mapping[Hashable, Any], ranked: bool) -> list[str]:
    remarks = [row["kind"], row["status"] if row["status"] != "ok" else "", MARKS[row["verification"]]]
    return [
        row["name"],
        *([row["rank"]] if ranked else []),
        str(row["modules"]),
        with_interval(row["test_top1_pct"], row["test_top1_half_pct"]),
        str(row["n_ok"]),
        with_interval(row["vs_e2ebp_pct"], row["vs_e2ebp_half_pct"], sign="+"),
        *("–" if pd.isna(row[c]) else f"{row[c]:.2f}" for c in ("memory_ratio", "time_ratio", "flops_ratio")),
        " ".join(filter(None, remarks)),
    ]
