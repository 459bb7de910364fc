"""What tables of tracks share: what tells rows apart, and means over seeds with their intervals."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmark.examining.examination import B, Sat
from benchmark.schema.record import Identity

ROW = {
    "suite": ("Suite", "of suites.yaml"),
    "backbone": ("Backbone", "as the suite calls it"),
    "method": ("Method", "its id"),
    "variant": ("Variant", "the named options that it was trained with"),
    "modules": ("K", "modules that the backbone was cut into"),
    "recipe": ("Recipe", "whose recipe trained it"),
}
FAILED = {"failed": ("Failed", "cells of the row whose training or examination did not end ok: they are in no mean")}


def row_of(cell: Identity) -> dict[str, Any]:
    """The row that a cell belongs to, together with those of other seeds."""
    return {
        "suite": cell.suite,
        "backbone": cell.backbone,
        "method": cell.method,
        "variant": cell.variant,
        "modules": cell.modules,
        "recipe": cell.recipe or "shared",
    }


def by_row(found: Iterable[Sat[B]]) -> list[list[Sat[B]]]:
    """Networks that differ by seed alone, together; rows in the order in which they were found."""
    rows: dict[tuple[Any, ...], list[Sat[B]]] = {}
    for sat in found:
        rows.setdefault(tuple(row_of(sat.cell).values()), []).append(sat)
    return list(rows.values())


def said(table: pd.DataFrame) -> pd.Series:
    """What a reader calls each row within its suite and backbone, such as ``infopro/softmax K=4``."""
    variant = table["variant"].fillna("").astype(str)
    return table["method"] + variant.map(lambda v: f"/{v}" if v else "") + " K=" + table["modules"].astype(str)


def mean_and_half(values: Iterable[float]) -> tuple[float, float]:
    """Mean over seeds, and half of its 95 % t interval; NaN for one seed."""
    found = np.asarray(list(values), dtype=float)
    if len(found) < 2:
        return float(found.mean()), float("nan")
    half = stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))
    return float(found.mean()), float(half)
