"""Which rows the suites ask for that are half run: what a claim on all of them has to wait for.

Of less than half, what is there is what was run first, and a claim that is decided elsewhere would wait for months. Its
cases count, as all do.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.schema.plugins import METHODS, method_metadata, plugin_ids, plugin_path
from benchmark.schema.suite import Suite, cells
from benchmark.tables.columns import SHARED

ROW_ASKED = ["suite", "backbone", "recipe", "method", "variant", "modules"]
COLUMNS = ["suite", "dataset", "backbone", "recipe", "method", "variant", "family", "modules", "leads"]


def rows_asked(board: pd.DataFrame, defined: Mapping[str, Suite]) -> pd.DataFrame:
    """The rows (columns ``COLUMNS``) that a suite asks for, by each recipe by which half of them have all their seeds.

    Args:
        board: the leaderboard with its column ``leads``.
        defined: the suites of ``suites.yaml``.
    """
    own = board[board["times"].isna()]
    leads = dict(zip(zip(own["suite"], own["recipe"], strict=True), own["leads"], strict=True))
    methods = plugin_ids(METHODS) if METHODS.exists() else []
    rows = [
        {**row, "dataset": suite.dataset, "leads": leads[name, row["recipe"]]}
        for name, suite in defined.items()
        if name in set(own["suite"])
        for method in methods
        for row in _of_method(name, suite, method)
        if (name, row["recipe"]) in leads
    ]
    return _half_run(pd.DataFrame(rows, columns=COLUMNS), own[own["n_total"] >= own["n_asked"]])


def _half_run(asked: pd.DataFrame, run: pd.DataFrame) -> pd.DataFrame:
    there = pd.MultiIndex.from_frame(asked[ROW_ASKED]).isin(pd.MultiIndex.from_frame(run[ROW_ASKED].fillna("")))
    share = pd.Series(there, asked.index, dtype=float).groupby([asked["suite"], asked["recipe"]]).transform("mean")
    return asked[share >= 0.5]


def family_that_claims(said: Mapping[str, Any]) -> str:
    """The family of which a method is a case in claims: none of what trains nothing (`untrained`), whatever it says."""
    return "" if {"hidden", "output"} <= {*said.get("leaves", ())} else str(said.get("family", ""))


def _of_method(name: str, suite: Suite, method: str) -> list[dict[str, Any]]:
    """A row for each first seed; nothing of a file that cannot be read, which others complain of."""
    try:
        family = family_that_claims(method_metadata(plugin_path(METHODS, method)))
        asked = [cell for cell in cells(name, suite, method) if cell.seed == 0 and cell.times is None]
    except UserError:
        return []
    same = ("suite", "backbone", "method", "variant", "modules")
    return [
        {field: getattr(cell, field) for field in same} | {"family": family, "recipe": cell.recipe or SHARED}
        for cell in asked
    ]
