"""Rows of predictions as tables that a terminal of 80 columns shows whole; what has no numbers is said below them."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Shown = Mapping[str, str]  # field of a row: its heading, or none for a column of remarks


class Row(BaseModel):
    """A row of a table: a prediction for one (method, variant, K), or a note why there is none."""

    model_config = ConfigDict(frozen=True)

    method: str
    variant: str = ""
    modules: int
    note: str = ""

    @property
    def name(self) -> str:
        """``infopro contrast``."""
        return f"{self.method} {self.variant}".rstrip()


def print_rows(rows: Sequence[Row], shown: Shown, title: str, console: Console) -> None:
    """Print those that have numbers in a table, and the notes of the others below it."""
    fields = [name for name in shown if any(getattr(row, name) not in ("", None) for row in rows)]
    table = Table(title=Text(title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for name in fields:
        text = any(isinstance(getattr(row, name), str) for row in rows)
        wide: dict[str, Any] = {"overflow": "fold"} if name == "name" else {"no_wrap": not text}
        table.add_column(shown[name], justify="left" if text else "right", **wide)
    for row in rows:
        if not row.note:
            table.add_row(*(Text(_text(getattr(row, name))) for name in fields))
    if table.row_count:
        console.print(table)
    for sentence in _notes(rows):
        console.print(sentence, style="dim", highlight=False, markup=False)


def _notes(rows: Iterable[Row]) -> list[str]:
    """Each note once, after all that it is about: ``dgl, infopro contrast, K = 16: ...``."""
    about: dict[Hashable, list[str]] = {}
    for row in rows:
        if row.note:
            about.setdefault((row.modules, row.note), []).append(row.name)
    return [f"{', '.join(dict.fromkeys(names))}, K = {k}: {note}" for (k, note), names in about.items()]  # type: ignore[misc,has-type]


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
