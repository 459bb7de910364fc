"""A table of the static page: which columns there are, and how a row's values are written in them.

A cell is plain text, which the templates escape, or ``Markup`` that was put together by ``Markup.format``, which
escapes what it is given.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from benchmark.display.reading import web_address
from benchmark.tables.columns import COLUMNS, with_interval

Row = Mapping[Any, Any]
NOTHING = ("", "–")
CALLED = {  # tables, to who hears the page
    "rows": "Rows of the leaderboard",
    "claims": "Claims",
    "ranking": "Ranks of methods",
    "tuning": "What tuning changed",
    "planned": "Planned rows",
    "reproductions": "Published figures beside ours",
    "methods": "Methods",
    "suites": "Suites",
    "failed": "Cells that did not end ok",
    "runs": "Runs",
    "families": "Families over K",
    "trials": "Trials",
    "options": "Options",
}
SPARK = (84, 20)  # width and height of a learning curve in a cell, in pixels


class Column(NamedTuple):
    """A heading, its meaning, what a row says under it, and the row's key if readers may choose by it.

    ``always``: the column stands even if no row says anything there; ``once``: it is said where a block of rows begins.
    """

    label: str
    show: Callable[[Row], str]
    meaning: str = ""
    numeric: bool = False
    filter: str = ""
    always: bool = False
    once: bool = False


class Table(NamedTuple):
    """What the template needs: of each row its cells, and its values of the keys in ``filters``.

    ``filters`` maps a key to its label and options. Rows of a block have the same key ``block``.
    """

    name: str
    columns: list[Column]
    rows: list[tuple[dict[str, str], list[str]]]
    filters: dict[str, tuple[str, list[str]]]

    @property
    def says(self) -> str:
        """What it is called; the page says more where there are several."""
        return CALLED.get(self.name, self.name)


def make_table(name: str, frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """The rows in their order, without the columns that say nothing in any of them."""
    rows = frame.to_dict("records")
    written = [[column.show(row) for row in rows] for column in columns]
    said = [any(cell not in NOTHING for cell in cells) for cells in written]
    kept = [i for i, column in enumerate(columns) if said[i] or column.always]
    filters = {c.filter: (c.label, _options(frame[c.filter])) for c in (columns[i] for i in kept) if c.filter}
    block = ["block"] if any(column.once for column in columns) else []
    keys = [{key: _text(row, key) for key in [*filters, *block]} for row in rows]
    cells = [list(row) for row in zip(*(written[i] for i in kept), strict=True)]
    return Table(name, [columns[i] for i in kept], list(zip(keys, cells, strict=True)), filters)


def _options(values: pd.Series) -> list[str]:
    return [str(value) for value in sorted(values.dropna().unique()) if value != ""]


def text(name: str, label: str, *, filter: bool = False, meaning: str = "") -> Column:
    """Text as it stands."""
    return Column(label, lambda row: _text(row, name), meaning or _meaning(name), filter=name if filter else "")


def number(name: str, label: str, decimals: int, sign: str = "", *, filter: bool = False, meaning: str = "") -> Column:
    """A number with as many decimals, ``1,234`` where there are none."""
    form = f"{sign},.{decimals}f"

    def show(row: Row) -> str:
        value = row[name]
        return "–" if pd.isna(value) else format(float(value), form)

    return Column(label, show, meaning or _meaning(name), True, name if filter else "")


def interval(mean: str, half: str, label: str, sign: str = "", mark: Callable[[Row, str], str] | None = None) -> Column:
    """``91.20 ± 0.31``; ``mark`` may dress it."""

    def show(row: Row) -> str:
        written = with_interval(float(row[mean]), float(row[half]), sign)
        return mark(row, written) if mark else written

    return Column(label, show, f"{_meaning(mean)}; ± {_meaning(half)}", True)


def _text(row: Row, name: str) -> str:
    value = row[name]
    return "" if value is None or value != value else str(value)  # NaN is not itself


def _meaning(name: str) -> str:
    return COLUMNS[name].meaning if name in COLUMNS else ""


def link(address: str, words: str, place: str = "") -> Markup:
    """A link to a file of the folder, or to a place in it."""
    return Markup('<a href="{}{}">{}</a>').format(quote(address, safe="/-._"), f"#{place}" if place else "", words)


def outward(address: object, words: str) -> str:
    """A link to an http(s) address; nothing for any other."""
    safe = web_address(address)
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(safe, words) if safe else ""


def sparkline(curve: object) -> str:
    """A learning curve between 0 and 100 %, in the colour of the text."""
    points = [float(y) for y in curve if y == y] if isinstance(curve, list) else []
    if len(points) < 2:
        return ""
    width, height = SPARK
    step = (width - 4) / (len(points) - 1)
    path = " ".join(f"{2 + i * step:.1f},{height - 2 - y / 100 * (height - 4):.1f}" for i, y in enumerate(points))
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}"><polyline points="{}"/></svg>'
    ).format(width, height, f"from {points[0]:.1f} to {points[-1]:.1f} %", path)
