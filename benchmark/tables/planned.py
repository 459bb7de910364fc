"""What committed plans (``results/plans``) say of rows: simulated costs of a training step, where nothing was trained.

They decide claims on costs that no trained row speaks to, such as those of papers' own networks, which need a GPU; a
verdict that rests on them says so.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from benchmark.schema.suite import PROTOCOL, Suite

COLUMN_OF = {"memory": "peak_gb", "FLOPs": "step_gflops"}  # a claim's metric -> a plan's column
COLUMNS = ["suite", "dataset", "backbone", "batch", "recipe", "method", "variant", "family", "modules", "leads"]


def rows_planned(plans: Path, defined: Mapping[str, Suite], families: Mapping[str, str]) -> pd.DataFrame:
    """The rows with numbers (``COLUMNS`` and those of ``COLUMN_OF``) of all plans of suites that are defined.

    Args:
        plans: the folder of ``<suite>.csv``.
        families: of each method; a row of a method that is not in it is left out.
    """
    tables = [_of_suite(plans / f"{name}.csv", name, suite, families) for name, suite in defined.items()]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*COLUMNS, *COLUMN_OF.values()])


def _of_suite(path: Path, name: str, suite: Suite, families: Mapping[str, str]) -> pd.DataFrame:
    wanted = [*COLUMNS, *COLUMN_OF.values()]
    if not path.is_file():
        return pd.DataFrame(columns=wanted)
    rows = pd.read_csv(path, keep_default_na=False, na_values=dict.fromkeys(COLUMN_OF.values(), ""))
    rows = of_todays_engine(rows)
    rows = rows[rows["method"].isin(families)].dropna(subset=list(COLUMN_OF.values()))
    rows = rows.assign(suite=name, dataset=suite.dataset, batch=suite.recipe.batch, recipe="", leads="yes")
    return rows.assign(family=rows["method"].map(families))[wanted]


def of_todays_engine(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a plan that are of today's ``PROTOCOL``: a method of an earlier one may have had other heads."""
    return rows[rows["protocol"] == PROTOCOL] if "protocol" in rows else rows[:0]


def can_be_planned(metric: str, columns: Collection[str]) -> bool:
    """Whether plans speak of a claim of this metric that names these columns."""
    return metric in COLUMN_OF and {*columns} <= {*COLUMNS} - {"recipe", "leads"}
