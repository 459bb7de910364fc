"""Rows of the leaderboard as a table for a paper (LaTeX, with booktabs) or for a web page (Markdown)."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from benchmark.display.edition import Edition
from benchmark.display.gap import gap_in_words
from benchmark.tables.columns import with_interval

Row = Mapping[Any, Any]
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "·": r"$\cdot$"}
LATEX |= {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"±": r"$\pm$", "×": r"$\times$", "−": "$-$", "|": r"\textbar{}"}
LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}"}
COLUMNS: dict[str, Callable[[Row], str]] = {
    "Method": lambda row: " ".join(f"{row['title']} {row['variant']}".split()),
    "K": lambda row: f"{row['modules']}",
    "Accuracy, %": lambda row: with_interval(row["test_top1_pct"], row["test_top1_half_pct"]),
    "Seeds": lambda row: f"{row['n_ok']}",
    "vs end-to-end": gap_in_words,
    "Epochs": lambda row: _number(row["epochs"], 0),
    "Memory ×": lambda row: _number(row["memory_ratio"], 2),
    "Time ×": lambda row: _number(row["time_ratio"], 2),
    "Setting": lambda row: f"{row['suite']}, {row['backbone']}, {row['recipe']}",
}
SAYS = (
    "Accuracy: test top-1 after the last epoch, mean over seeds; ±: half of the 95 % t interval; vs end-to-end: mean "
    "of the per-seed differences, in points; memory (simulated) and time: of a training step, over end-to-end."
)


class Form(NamedTuple):
    """A language for tables: what stands before, between and after the cells of a line, and around all lines."""

    cell: Callable[[str], str]
    line: tuple[str, str, str]
    head: tuple[str, str]  # before and after the line of headings
    foot: str
    remark: tuple[str, str]  # around the sentence that says what the numbers are


def _number(value: float, decimals: int) -> str:
    return "–" if pd.isna(value) else f"{value:.{decimals}f}"


def _latex(text: str) -> str:
    return re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found[0]], text)


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", text)


ALIGNED = {"Method": "l", "Setting": "l"}  # all others are numbers
FORMS = {
    "Markdown": Form(
        _markdown,
        ("| ", " | ", " |"),
        ("", "\n|" + "|".join(" --- " if name in ALIGNED else " ---: " for name in COLUMNS) + "|"),
        "",
        ("\n", ""),
    ),
    "LaTeX": Form(
        _latex,
        ("", " & ", r" \\"),
        (f"\\begin{{tabular}}{{{''.join(ALIGNED.get(n, 'r') for n in COLUMNS)}}}\n\\toprule\n", "\n\\midrule"),
        "\\bottomrule\n\\end{tabular}\n",
        ("% ", ""),
    ),
}


def line(row: Row, form: Form) -> str:
    """A row of the leaderboard."""
    return _line((show(row) for show in COLUMNS.values()), form)


def head(form: Form) -> str:
    """All that stands before the first row."""
    before, after = form.head
    return f"{before}{_line(COLUMNS, form)}{after}\n"


def foot(form: Form, edition: Edition) -> str:
    """All that stands after the last one: what the numbers are, and of which results."""
    before, after = form.remark
    return f"{form.foot}{before}{form.cell(f'Beyond Backprop, {edition}. {SAYS}')}{after}\n"


def copied(rows: pd.DataFrame, form: Form, edition: Edition) -> str:
    """The whole table."""
    lines = [line(row, form) + "\n" for row in rows.to_dict("records")]
    return head(form) + "".join(lines) + foot(form, edition)


def _line(cells: Iterable[str], form: Form) -> str:
    before, between, after = form.line
    return before + between.join(form.cell(" ".join(cell.split())) for cell in cells) + after
