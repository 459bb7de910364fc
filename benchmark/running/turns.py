"""Which cells begin first: the first seed of all rows before the second, and of one seed the longest.

With several slots the end then waits for a short cell, not for a long one that came last.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmark.schema.suite import Cell, Suite

PLANS = Path("results/plans")


def in_turn(cells: Iterable[Cell], suites: Mapping[Cell, Suite], plans: Path = PLANS) -> list[Cell]:
    """The cells in the order in which they shall begin.

    How long one takes is taken from the suite's plan (`beyond plan SUITE --save`): FLOPs of a step, times the epochs of
    its recipe. A row that is in no plan may be long, and comes first; without a plan the order of a seed stays.

    Args:
        suites: by which each of them trains.
    """
    known: dict[str, dict[tuple[str, ...], float]] = {}

    def turn(cell: Cell) -> tuple[int, float]:
        flops = known.setdefault(cell.suite, _flops(plans / f"{cell.suite}.csv"))
        row = (cell.method, cell.variant, cell.backbone, str(cell.modules))
        return cell.seed, -suites[cell].recipe.epochs * flops.get(row, float("inf"))

    return sorted(cells, key=turn)


def _flops(plan: Path) -> dict[tuple[str, ...], float]:
    """Of a step, by row; nothing where the plan is missing or cannot be read."""
    try:
        with plan.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        place = ("method", "variant", "backbone", "modules")
        return {tuple(row[part] for part in place): float(row["step_gflops"]) for row in rows if row["step_gflops"]}
    except (OSError, ValueError, KeyError, csv.Error):
        return {}
