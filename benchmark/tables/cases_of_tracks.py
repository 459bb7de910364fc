"""A claim's cases in a track's table, by the plain variance of the differences, or by the table's own intervals."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import pandas as pd
from scipy.special import stdtrit  # importing scipy.stats takes a second

from benchmark.schema.claims import Claim
from benchmark.tables.case import Case, differences_of, judge, put_to_the_test
from benchmark.tables.certainty import LEAST, WIDEST
from benchmark.tables.columns import ENOUGH
from benchmark.tables.pairing import Row, check_column, kept

SETTING = ["suite", "backbone"]  # where the table has them
NORMAL = 1.959964  # half of a 95 % interval, in standard errors


def cases_of_table(claim: Claim, table: pd.DataFrame, smoke: Collection[str] = ()) -> list[Case]:
    """The claim's cases in a track's table: its sides paired by ``pair_by``, their other rows of a pair averaged.

    A case is a suite and backbone, where the table has these columns.

    Raises:
        UserError: the table lacks a column that the claim names.
    """
    check_column(table, claim.metric, "metric")
    if claim.half:
        return _cases_of_means(claim, table, smoke)
    check_column(table, claim.pair_by, "pair_by")
    setting = [name for name in SETTING if name in table]
    rows = kept(table, claim.where, "where")
    first = _by_pair(kept(rows, claim.compare, "compare"), claim, setting)
    second = None
    if isinstance(claim.against, dict):
        second = _by_pair(kept(rows, claim.against, "against"), claim, setting)
    cases = []
    for where, own in first.items():
        others = second.get(where, {}) if second is not None else dict.fromkeys(own, claim.against)
        differences = differences_of(own, others)
        cases.append(
            judge(
                claim,
                differences,
                where=dict(zip(setting, where, strict=True)),
                compare=dict(claim.compare),
                against=dict(claim.against) if isinstance(claim.against, dict) else {},
                failed=0,
                smoke=bool({*where} & {*smoke}),
            )
        )
    return [case for case in cases if case.n]


def _cases_of_means(claim: Claim, table: pd.DataFrame, smoke: Collection[str]) -> list[Case]:
    """Of a table that has means and intervals over seeds: each row beside each of the other side, by Welch's t test.

    Seeds are no pairs there, so that what a seed does to both counts as scatter.
    """
    for name in claim.half if isinstance(claim.half, list) else [claim.half or ""]:
        check_column(table, name, "half")
    check_column(table, claim.count, "count")
    setting = [name for name in SETTING if name in table]
    rows = kept(table, claim.where, "where")
    first = kept(rows, claim.compare, "compare").to_dict("records")
    second: list[Row | None] = [None]
    if isinstance(claim.against, dict):
        second = list(kept(rows, claim.against, "against").to_dict("records"))
    return [
        _beside_means(claim, row, other, setting, smoke)
        for row in first
        for other in second
        if other is None or all(row[name] == other[name] for name in setting)
    ]


def _beside_means(claim: Claim, row: Row, other: Row | None, setting: list[str], smoke: Collection[str]) -> Case:
    sides = [row] if other is None else [row, other]
    counts = [int(side[claim.count]) for side in sides]
    less = claim.against if isinstance(claim.against, float) else (other or row)[claim.metric]
    case = Case(
        where={name: row[name] for name in setting},
        compare={name: row[name] for name in claim.compare},
        against={name: other[name] for name in claim.against} if other and isinstance(claim.against, dict) else {},
        failed=0,
        smoke=bool({row[name] for name in setting} & {*smoke}),
        effect=float(row[claim.metric] - less),
        n=min(counts),
    )
    if case.n < ENOUGH:
        return case
    spread = [_spread(claim, side, n) for side, n in zip(sides, counts, strict=True)]
    freedom = sum(square for square, _ in spread) ** 2 / sum(square**2 / own for square, own in spread)
    squares = [square for square, _ in spread]
    return put_to_the_test(claim, case, sum(squares), freedom)


def _spread(claim: Claim, side: Row, n: int) -> tuple[float, float]:
    """Variance of a side's mean and its freedom: from an interval by t, or from ends as a normal's."""
    if isinstance(claim.half, list):
        low, high = (float(side[name]) for name in claim.half)
        return max((high - low) / 2 / NORMAL, 1e-9) ** 2, WIDEST
    half = float(side[claim.half])
    return max((half / float(stdtrit(n - 1, 0.975))) ** 2, LEAST**2 / n), n - 1


def _by_pair(rows: pd.DataFrame, claim: Claim, setting: list[str]) -> dict[tuple[Any, ...], dict[Any, float]]:
    """By setting and pair: the mean of the metric."""
    found: dict[tuple[Any, ...], dict[Any, float]] = defaultdict(dict)
    means = rows.dropna(subset=[claim.metric]).groupby([*setting, claim.pair_by])[claim.metric].mean()
    for key, value in means.items():
        *where, pair = key if isinstance(key, tuple) else (key,)
        found[tuple(where)][pair] = float(value)
    return found
