"""Which rows a claim sets beside which, in a table with the columns of the leaderboard that name a row."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.schema.claims import Claim, Rows
from benchmark.schema.text import printable

SETTING = ["suite", "backbone", "recipe"]
SIDE = ["method", "variant", "modules"]
Row = dict[Any, Any]  # of the leaderboard, with its index as ``at``


def pairs(claim: Claim, rows: pd.DataFrame) -> Iterator[tuple[Row, Row | None]]:
    """Each row of the first side beside those of the second in the same setting; beside nothing, of a number.

    The K of each method of the second side is the first's, unless the claim names it; a method that stands at K = 1
    alone is beside each K of the other.
    """
    rows = kept(rows, claim.where, "where")
    if "recipe" not in claim.where:
        rows = rows[rows["leads"] == "yes"]
    first = records_of(kept(rows, claim.compare, "compare"))
    if not isinstance(claim.against, dict):
        yield from ((row, None) for row in first)
        return
    second: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in records_of(kept(rows, claim.against, "against")):
        second[_setting(row)].append(row)
    for row in first:
        for other in _of_same_k(second[_setting(row)], row, "modules" in claim.against):
            if other["at"] != row["at"]:
                yield row, other


def _of_same_k(rows: list[Row], row: Row, named: bool) -> list[Row]:
    """Of each method and variant: its rows of the same K; what no cut changes has K = 1 alone, and is beside each K."""
    if named:
        return rows
    by_name: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for other in rows:
        by_name[other["method"], other["variant"]].append(other)
    return [other for own in by_name.values() for other in _nearest_in_k(own, row["modules"])]


def _nearest_in_k(rows: list[Row], k: int) -> list[Row]:
    same = [other for other in rows if other["modules"] == k]
    return same or [other for other in rows if 1 in (other["modules"], k)]


def records_of(rows: pd.DataFrame) -> list[Row]:
    kept = [name for name in (*SETTING, *SIDE, "n_ok", "n_total") if name in rows]
    return rows[kept].assign(at=rows.index).to_dict("records")


def _setting(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in SETTING)


def key_of(row: Row, other: Row | None = None) -> tuple[Any, ...]:
    """As :attr:`Case.key` of the two, or of a row alone."""
    sides = [*side_of(row).values(), *(side_of(other).values() if other else ())]
    return (*_setting(row), *map(str, sides))


def side_of(row: Row) -> dict[str, Any]:
    return {"method": row["method"], "variant": row["variant"] or "", "modules": int(row["modules"])}


def kept(rows: pd.DataFrame, wanted: Rows, said_in: str) -> pd.DataFrame:
    for name, value in wanted.items():
        check_column(rows, name, said_in)
        wanted_values = value if isinstance(value, list) else [value]
        said = rows[name].isin(wanted_values) | rows[name].astype(str).isin(map(str, wanted_values))  # 1 among texts
        rows = rows[said]
    return rows


def check_column(rows: pd.DataFrame, name: str, said_in: str) -> None:
    if name not in rows:
        there = ", ".join(map(str, rows.columns))
        raise UserError(printable(f"`{said_in}` names the column {name}, which is not there; there are {there}."))
