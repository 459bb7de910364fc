"""What the leaderboard's page gives away: its rows as LaTeX and Markdown, files, and how to cite."""

from typing import Any, NamedTuple

import pandas as pd

from benchmark.display.copying import FORMS, foot, head, line
from benchmark.display.edition import HOW_TO_CITE, Edition, bibtex_of_benchmark
from benchmark.export.table import Table


class Copy(NamedTuple):
    """A button: its language, the rows' key that holds their lines, and what stands around them."""

    label: str
    key: str
    head: str
    foot: str


def with_lines(table: Table, rows: pd.DataFrame) -> Table:
    """The table with each row's line in each language among its keys: the script puts them together."""
    said = [{name.lower(): line(row, form) for name, form in FORMS.items()} for row in rows.to_dict("records")]
    kept = [(keys | more, cells) for (keys, cells), more in zip(table.rows, said, strict=True)]
    return table._replace(rows=kept)


def take_away(edition: Edition) -> dict[str, Any]:
    """What the template of the box needs."""
    return {
        "copies": [Copy(name, name.lower(), head(form), foot(form, edition)) for name, form in FORMS.items()],
        "citation": bibtex_of_benchmark(edition),
        "how_to_cite": HOW_TO_CITE,
    }
