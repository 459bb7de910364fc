"""What a claim says of two rows in one setting: their difference, how far seeds scatter it, and how sure that is.

Accuracies of a setting (suite, backbone, recipe) have the variances of ranks (:mod:`benchmark.tables.certainty`): each
row's own, drawn towards what rows of as large an error have in common there, and never below its own. A row that lacks
seeds of the others, times, and tables of tracks have the plain variance of their differences. Costs that are the same
for all seeds are not tested.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit  # importing scipy.stats takes a second

from benchmark.errors import UserError
from benchmark.schema.claims import ACCURACY, COSTS, EQUAL, TIME, Claim, Rows
from benchmark.schema.record import EXACT
from benchmark.schema.text import printable
from benchmark.tables.certainty import LEAST, WIDEST, scatter
from benchmark.tables.columns import ENOUGH, FILLED, ROW
from benchmark.tables.equal_compute import twin_at_equal
from benchmark.tables.kinds import other_kind
from benchmark.tables.planned import COLUMN_OF as PLANNED
from benchmark.tables.planned import can_be_planned

SETTING = ["suite", "backbone", "recipe"]
SIDE = ["method", "variant", "modules"]
# What ties a cell to its row; not the family, which is another in claims where nothing is trained.
CELL_OF = [name for name in [*ROW, *FILLED] if name not in ("times", "family")]
COLUMN_OF = {ACCURACY: "test_top1_pct", **COSTS, **TIME}
TABLE_SETTING = ["suite", "backbone"]  # of a track's table, where it has them
NORMAL = 1.959964  # half of a 95 % interval, in standard errors
Row = dict[Any, Any]  # of the leaderboard, with its index as ``at``
BySeed = Mapping[int, float]


class Case(NamedTuple):
    """Two sides in one setting.

    ``effect``: compare minus against (percent of the latter, for costs and times); ``error``: standard error of it,
    NaN where it is not tested; ``supports`` and ``contradicts``: one-sided p of the claim's threshold; ``failed`` and
    ``failed_against``: cells of the two sides that did not end ok; ``no_support`` and ``no_contradiction``: what they
    keep it from, whatever the p of the others; ``batch``: pictures a step of a case that is simulated alone, where no
    cell was trained (its ``n`` is 0).
    """

    where: dict[str, Any]
    compare: dict[str, Any]
    against: dict[str, Any]
    failed: int
    smoke: bool
    effect: float
    n: int
    failed_against: int = 0
    no_support: bool = False
    no_contradiction: bool = False
    error: float = float("nan")
    freedom: float = float("nan")
    supports: float = float("nan")
    contradicts: float = float("nan")
    batch: int | None = None

    @property
    def half(self) -> float:
        """Half of the 95 % t interval."""
        return float(stdtrit(self.freedom, 0.975) * self.error) if self.tested else float("nan")

    @property
    def tested(self) -> bool:
        """Whether there were enough pairs."""
        return self.n >= ENOUGH and self.error == self.error

    @property
    def counts(self) -> bool:
        """Whether it bears on the verdict: a smoke test never does, nor what has no p."""
        return not self.smoke and self.supports == self.supports

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from the claim's other cases."""
        return (*self.where.values(), *map(str, self.compare.values()), *map(str, self.against.values()))


@dataclass(frozen=True)
class Evidence:
    """All rows and cells that claims are held against.

    ``board``: the leaderboard with its column ``leads``; ``cells``: all cells; ``asked``: the rows that suites ask for
    which are half run, with the columns ``SETTING``, ``SIDE``, dataset, family and leads; ``smoke``: the smoke tests;
    ``planned``: rows of plans (:mod:`benchmark.tables.planned`).
    """

    board: pd.DataFrame
    cells: pd.DataFrame
    asked: pd.DataFrame = field(default_factory=pd.DataFrame)
    smoke: Collection[str] = ()
    planned: pd.DataFrame = field(default_factory=pd.DataFrame)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows that may be compared: of the usual pictures and protocol, and no references of other epochs."""
        return self.board[(other_kind(self.board) == "") & self.board["times"].isna()]

    @cached_property
    def _ended(self) -> pd.DataFrame:
        """The cells of these rows that ended ``ok``, with a column ``at``: the row's index."""
        done = self.cells[(self.cells["status"] == "ok") & self.cells["times"].isna()].copy()
        for name, compute in EQUAL.items():
            done[name] = done["test_top1_pct"] - twin_at_equal(self.cells, compute).reindex(done.index)
        return done.merge(self.rows[CELL_OF].assign(at=self.rows.index), on=CELL_OF)

    @cached_property
    def _over(self) -> set[tuple[Any, ...]]:
        """The rows that have all the seeds that their suite asks for: nothing more comes of them, be it too few."""
        run = self.rows[self.rows["n_total"] >= self.rows["n_asked"]]
        return {_key(row) for row in _records(run)}

    @cached_property
    def _by_row(self) -> dict[str, dict[Any, dict[int, float]]]:
        """By metric, row and seed: the value."""
        found: dict[str, dict[Any, dict[int, float]]] = {}
        for column in (*EQUAL, *COLUMN_OF.values()):
            known = self._ended[["at", "seed", column]].dropna()
            of_row: dict[Any, dict[int, float]] = defaultdict(dict)
            for at, seed, value in known.itertuples(index=False, name=None):
                of_row[at][seed] = value
            found[column] = of_row
        return found

    @cached_property
    def _variances(self) -> dict[Any, tuple[float, float]]:
        """Of each row that has all the seeds of its setting: moderated variance of its accuracy, and its freedom."""
        found: dict[Any, tuple[float, float]] = {}
        for _, part in self._ended.groupby(SETTING):
            found |= _scatter(part.pivot_table(index="seed", columns="at", values="test_top1_pct").dropna(axis=1))
        return found

    @cached_property
    def _variances_at_equal(self) -> dict[str, dict[Any, tuple[float, float]]]:
        """By metric of equal compute and row: the variance of its accuracy and that of its twin's there, summed.

        The twin's is of its runs of as much compute, and not of the suite's own epochs: those of each compute are a row
        beside the others.
        """
        found: dict[str, dict[Any, tuple[float, float]]] = {metric: {} for metric in EQUAL}
        for metric, variances in found.items():
            for _, part in self._ended.groupby(SETTING):
                scores = part.pivot_table(index="seed", columns="at", values="test_top1_pct").dropna(axis=1)
                behind = part.pivot_table(index="seed", columns="at", values=metric).reindex(scores.index)
                twins = (scores[scores.columns.intersection(behind.columns)] - behind).dropna(axis=1).round(EXACT)
                column = {at: f"twin {[*twins[at]]}" for at in twins}  # methods of as much compute share one
                alone = twins.set_axis(list(column.values()), axis=1)
                known = _scatter(scores.join(alone.loc[:, ~alone.columns.duplicated()]))
                sides = {at: (known[at], known[twin]) for at, twin in column.items() if at in known}
                variances |= {at: (own[0] + twin[0], own[1]) for at, (own, twin) in sides.items()}
        return found

    def cases(self, claim: Claim) -> list[Case]:
        """The claim's cases: each row of its first side beside those that the second has in the same setting.

        Raises:
            UserError: the claim names a column that the leaderboard has not.
        """
        return [self._case(claim, row, other) for row, other in _pairs(claim, self.rows)]

    def simulated(self, claim: Claim) -> list[Case]:
        """The claim's cases in plans, of which nothing was trained; none where plans do not say what it names."""
        against = claim.against if isinstance(claim.against, dict) else {}
        if self.planned.empty or not can_be_planned(claim.metric, {*claim.where, *claim.compare, *against}):
            return []
        costs = self.planned[PLANNED[claim.metric]]
        return [
            judge(
                claim,
                [100 * (costs[row["at"]] / costs[other["at"]] - 1)],
                where={"suite": row["suite"], "backbone": row["backbone"]},
                compare=_side(row),
                against=_side(other),
                failed=0,
                smoke=row["suite"] in self.smoke,
                batch=int(self.planned["batch"][row["at"]]),
            )._replace(n=0)
            for row, other in _pairs(claim, self.planned)
            if other
        ]

    def waiting(self, claim: Claim, cases: Sequence[Case]) -> int:
        """How many cases the suites that are half run have in store for the claim, beside these.

        Two rows that were run to the end have none: with the seeds that their suite asks for, there may be no test.
        """
        if self.asked.empty:
            return 0
        known = set(self.asked)
        where, compare = ({k: v for k, v in side.items() if k in known} for side in (claim.where, claim.compare))
        bare = claim.model_copy(update={"where": where, "compare": compare})
        there = {case.key for case in cases}
        return sum(
            _key(row, other) not in there and not {_key(side) for side in (row, other) if side} <= self._over
            for row, other in _pairs(bare, self.asked)
        )

    def _case(self, claim: Claim, row: Row, other: Row | None) -> Case:
        values = self._by_row[claim.metric if claim.metric in EQUAL else COLUMN_OF[claim.metric]]
        own = values.get(row["at"], {})
        if other is None or claim.metric in EQUAL:
            less = claim.against if isinstance(claim.against, float) else 0.0
            differences = [value - less for value in own.values()]
        else:
            differences = _differences(own, values.get(other["at"], {}), relative=claim.in_unit == "%")
        variance = self._variances_at_equal.get(claim.metric, {}).get(row["at"])
        if claim.metric == ACCURACY and other and {row["at"], other["at"]} <= set(self._variances):
            (first, freedom), (second, _) = self._variances[row["at"]], self._variances[other["at"]]
            variance = first + second, freedom
        return judge(
            claim,
            differences,
            variance,
            where={name: row[name] for name in SETTING},
            compare=_side(row),
            against=_side(other) if other else {},
            failed=int(row["n_total"] - row["n_ok"]),
            failed_against=int(other["n_total"] - other["n_ok"]) if other else 0,
            smoke=row["suite"] in self.smoke,
        )


def _scatter(scores: pd.DataFrame) -> dict[Any, tuple[float, float]]:
    """Of each column of (seeds, rows): its variance, drawn towards the others', and the degrees of freedom."""
    seeds, rows = scores.shape
    if seeds < ENOUGH or rows < 2:
        return {}
    variances, freedom = scatter(scores.to_numpy(dtype=float))
    return {at: (float(v), freedom) for at, v in zip(scores, variances, strict=True)}


def judge(
    claim: Claim, differences: Sequence[float], variance: tuple[float, float] | None = None, **about: Any
) -> Case:
    """One case from the differences of its pairs; ``variance`` of one of them, and its degrees of freedom, if known."""
    n, effect = len(differences), float(np.mean(differences)) if differences else float("nan")
    case = _barred(claim, Case(**about, effect=effect, n=n))
    if n and not claim.tested:
        lies = claim.sign * (effect - claim.threshold)
        holds = lies > 0 or (lies == 0 and claim.expect.startswith("not "))
        return case._replace(supports=float(not holds), contradicts=float(holds))
    if n < ENOUGH:  # no test; but what did not end keeps a claim from holding everywhere
        return case._replace(supports=1.0, contradicts=1.0, no_contradiction=True) if case.no_support else case
    own, freedom = variance or (float(np.var(differences, ddof=1)), n - 1)
    return _tested(claim, case, max(own, LEAST**2) / n, freedom)


def _barred(claim: Claim, case: Case) -> Case:
    """What cells that did not end keep the case from.

    No claim is supported where the first side failed. A mean over the seeds that ended flatters its side, so that it
    decides nothing in that side's favour, either.
    """
    of_compare, of_against = bool(case.failed), bool(case.failed_against)
    if claim.metric in TIME:
        return case._replace(no_support=of_compare)
    flattered, other = (of_compare, of_against) if claim.sign > 0 else (of_against, of_compare)
    return case._replace(no_support=of_compare or flattered, no_contradiction=other)


def _tested(claim: Claim, case: Case, variance: float, freedom: float) -> Case:
    """The case with its p; ``variance`` is that of its effect."""
    error = variance**0.5
    beyond = claim.sign * (case.effect - claim.threshold) / error
    return case._replace(
        error=error,
        freedom=freedom,
        supports=1.0 if case.no_support else float(stdtr(freedom, -beyond)),
        contradicts=1.0 if case.no_contradiction else float(stdtr(freedom, beyond)),
    )


def cases_of_table(claim: Claim, table: pd.DataFrame, smoke: Collection[str] = ()) -> list[Case]:
    """The claim's cases in a track's table: its sides paired by ``pair_by``, their other rows of a pair averaged.

    A case is a suite and backbone, where the table has these columns.

    Raises:
        UserError: the table lacks a column that the claim names.
    """
    _check_column(table, claim.metric, "metric")
    if claim.half:
        return _cases_of_means(claim, table, smoke)
    _check_column(table, claim.pair_by, "pair_by")
    setting = [name for name in TABLE_SETTING if name in table]
    rows = _kept(table, claim.where, "where")
    first = _by_pair(_kept(rows, claim.compare, "compare"), claim, setting)
    second = None
    if isinstance(claim.against, dict):
        second = _by_pair(_kept(rows, claim.against, "against"), claim, setting)
    cases = []
    for where, own in first.items():
        others = second.get(where, {}) if second is not None else dict.fromkeys(own, claim.against)
        differences = _differences(own, others)
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
        _check_column(table, name, "half")
    _check_column(table, claim.count, "count")
    setting = [name for name in TABLE_SETTING if name in table]
    rows = _kept(table, claim.where, "where")
    first = _kept(rows, claim.compare, "compare").to_dict("records")
    second: list[Row | None] = [None]
    if isinstance(claim.against, dict):
        second = list(_kept(rows, claim.against, "against").to_dict("records"))
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
    return _tested(claim, case, sum(squares), freedom)


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


def _differences(own: Mapping[Any, float], other: Mapping[Any, Any], relative: bool = False) -> list[float]:
    """Of the pairs that both have; relative ones in percent of the other."""
    both = [(own[pair], other[pair]) for pair in sorted(own) if pair in other]
    return [100 * (a / b - 1) for a, b in both if b] if relative else [a - b for a, b in both]


def _pairs(claim: Claim, rows: pd.DataFrame) -> Iterator[tuple[Row, Row | None]]:
    """Each row of the first side beside those of the second in the same setting; beside nothing, of a number.

    The K of each method of the second side is the first's, unless the claim names it; a method that stands at K = 1
    alone is beside each K of the other.
    """
    rows = _kept(rows, claim.where, "where")
    if "recipe" not in claim.where:
        rows = rows[rows["leads"] == "yes"]
    first = _records(_kept(rows, claim.compare, "compare"))
    if not isinstance(claim.against, dict):
        yield from ((row, None) for row in first)
        return
    second: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in _records(_kept(rows, claim.against, "against")):
        second[_setting(row)].append(row)
    for row in first:
        for other in _of_same_k(second[_setting(row)], row, "modules" in claim.against):
            if other["at"] != row["at"]:
                yield row, other


def _records(rows: pd.DataFrame) -> list[Row]:
    kept = [name for name in (*SETTING, *SIDE, "n_ok", "n_total") if name in rows]
    return rows[kept].assign(at=rows.index).to_dict("records")


def _setting(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in SETTING)


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


def _key(row: Row, other: Row | None = None) -> tuple[Any, ...]:
    """As :attr:`Case.key` of the two, or of a row alone."""
    sides = [*_side(row).values(), *(_side(other).values() if other else ())]
    return (*_setting(row), *map(str, sides))


def _side(row: Row) -> dict[str, Any]:
    return {"method": row["method"], "variant": row["variant"] or "", "modules": int(row["modules"])}


def _kept(rows: pd.DataFrame, wanted: Rows, said_in: str) -> pd.DataFrame:
    for name, value in wanted.items():
        _check_column(rows, name, said_in)
        wanted_values = value if isinstance(value, list) else [value]
        said = rows[name].isin(wanted_values) | rows[name].astype(str).isin(map(str, wanted_values))  # 1 among texts
        rows = rows[said]
    return rows


def _check_column(rows: pd.DataFrame, name: str, said_in: str) -> None:
    if name not in rows:
        there = ", ".join(map(str, rows.columns))
        raise UserError(printable(f"`{said_in}` names the column {name}, which is not there; there are {there}."))


def in_words(side: Mapping[str, Any]) -> str:
    """``infopro contrast, K = 4``; else each column and its value, of a method the value alone."""
    if list(side) == SIDE:
        return f"{side['method']} {side['variant']}".rstrip() + f", K = {side['modules']}"
    names = {"method": "", "variant": "", "modules": "K = "}
    return ", ".join(names.get(name, f"{name} ") + values_in_words(value) for name, value in side.items())


def values_in_words(value: Any) -> str:
    """``a or b``."""
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
