"""The page of what changed, and its feed; outside of a repository the page says why it is empty."""

from pathlib import Path
from typing import Any

from benchmark.display.changes import LEAD, SINCE, Change, read_history
from benchmark.display.feed import NAME, PAGE, atom
from benchmark.export.table import Column, make_table, number, text


def changes_page(results: Path) -> tuple[tuple[str, str, dict[str, Any]], bytes]:
    """Name, template and content of the page; and the feed."""
    history = read_history(results)
    said = {
        "changes": [_section(change) for change in history.changes],
        "missing": history.missing,
        "lead": LEAD,
        "since": SINCE,
        "feed": NAME,
    }
    return (PAGE, PAGE, said), atom(history.changes)


def _section(change: Change) -> dict[str, Any]:
    return {
        **change.commit._asdict(),
        "date": change.commit.date[:10],
        "says": str(change),
        "sentences": change.new_and_gone,
        "moved": make_table("moved", change.moved, _columns()) if len(change.moved) else None,
    }


def _columns() -> list[Column]:
    return [
        text("name", "Method"),
        text("suite", "Suite"),
        text("recipe", "Recipe"),
        text("backbone", "Backbone"),
        text("modules", "K"),
        Column("Before, %", lambda row: str(row["before"]), numeric=True),
        Column("After, %", lambda row: str(row["after"]), numeric=True),
        number("difference", "Difference", 2, "+"),
    ]
