"""All rows and cells that claims are held against, and the cases that they make.

Accuracies of a setting (suite, backbone, recipe) have the variances of ranks (:mod:`benchmark.tables.certainty`): each
row's own, drawn towards what rows of as large an error have in common there, and never below its own. A row that lacks
seeds of the others, and times, have the plain variance of their differences. Costs that are the same for all seeds are
not tested.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from benchmark.schema.claims import ACCURACY, COSTS, EQUAL, TIME, Claim
from benchmark.schema.record import EXACT
from benchmark.tables.case import Case, differences_of, judge
from benchmark.tables.certainty import scatter
from benchmark.tables.columns import ENOUGH, FILLED, ROW
from benchmark.tables.equal_compute import twin_at_equal
from benchmark.tables.kinds import other_kind
from benchmark.tables.pairing import SETTING, Row, key_of, pairs, records_of, side_of
from benchmark.tables.planned import COLUMN_OF as PLANNED
from benchmark.tables.planned import can_be_planned

# What ties a cell to its row; not the family, which is another in claims where nothing is trained.
CELL_OF = [name for name in [*ROW, *FILLED] if name not in ("times", "family")]
COLUMN_OF = {ACCURACY: "test_top1_pct", **COSTS, **TIME}


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
        return {key_of(row) for row in records_of(run)}

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
        return [self._case(claim, row, other) for row, other in pairs(claim, self.rows)]

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
                compare=side_of(row),
                against=side_of(other),
                failed=0,
                smoke=row["suite"] in self.smoke,
                batch=int(self.planned["batch"][row["at"]]),
            )._replace(n=0)
            for row, other in pairs(claim, self.planned)
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
            key_of(row, other) not in there and not {key_of(side) for side in (row, other) if side} <= self._over
            for row, other in pairs(bare, self.asked)
        )

    def _case(self, claim: Claim, row: Row, other: Row | None) -> Case:
        values = self._by_row[claim.metric if claim.metric in EQUAL else COLUMN_OF[claim.metric]]
        own = values.get(row["at"], {})
        if other is None or claim.metric in EQUAL:
            less = claim.against if isinstance(claim.against, float) else 0.0
            differences = [value - less for value in own.values()]
        else:
            differences = differences_of(own, values.get(other["at"], {}), relative=claim.in_unit == "%")
        variance = self._variances_at_equal.get(claim.metric, {}).get(row["at"])
        if claim.metric == ACCURACY and other and {row["at"], other["at"]} <= set(self._variances):
            (first, freedom), (second, _) = self._variances[row["at"]], self._variances[other["at"]]
            variance = first + second, freedom
        return judge(
            claim,
            differences,
            variance,
            where={name: row[name] for name in SETTING},
            compare=side_of(row),
            against=side_of(other) if other else {},
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
