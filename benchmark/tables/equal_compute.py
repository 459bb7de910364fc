"""What backpropagation reaches with as much compute as a cell had: its runs of several lengths, interpolated.

A method that trains for more epochs, or whose steps are dearer, has had more than its end-to-end twin; the twin is
therefore trained for multiples of the suite's epochs too, with the same seed, recipe and network. Accuracy between
two of these runs is taken to be linear in the logarithm of the compute, be that epochs or FLOPs.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.tables.columns import PAIRED, is_twin

BEYOND = 0.02  # of the compute, by which a cell may lie outside the runs of the twin; it is then compared with the last
Curve = Mapping[float, float]  # compute -> test accuracy of one seed, percent


def twin_at_equal(cells: pd.DataFrame, compute: str) -> pd.Series:
    """Test accuracy (percent) of each cell's end-to-end twin of the same seed, had it had the cell's compute.

    Empty where the cell is the twin itself, or says no compute; where fewer than two runs of the twin of that seed
    ended ``ok``; and outside their range.

    Args:
        cells: all cells.
        compute: the column that is to be equal, such as ``epochs``.
    """
    twins, done = is_twin(cells), cells["status"] == "ok"
    runs = cells[twins & done].dropna(subset=[compute, "test_top1_pct"])
    curves = {key: curve(seed, compute) for key, seed in runs.groupby(PAIRED, sort=False)}
    asked = cells[~twins & done].dropna(subset=[compute])
    keys = asked[PAIRED].itertuples(index=False, name=None)
    found = [accuracy_at(curves.get(key, {}), amount) for key, amount in zip(keys, asked[compute], strict=True)]
    return pd.Series(found, index=asked.index, dtype=float).reindex(cells.index)


def curve(runs: pd.DataFrame, compute: str) -> dict[float, float]:
    """Accuracy by compute; runs of as much compute are one point."""
    points = runs.groupby(compute)["test_top1_pct"].mean()
    return dict(zip(points.index.astype(float), points, strict=True))


def accuracy_at(curve: Curve, compute: float) -> float:
    """Accuracy at this compute, between points of the curve; NaN outside it, and of fewer than two points."""
    at = np.array(sorted(amount for amount in curve if amount > 0))
    if len(at) < 2 or not at[0] * (1 - BEYOND) <= compute <= at[-1] * (1 + BEYOND):
        return float("nan")
    return float(np.interp(np.log(compute), np.log(at), [curve[amount] for amount in at]))
