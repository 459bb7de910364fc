"""Where the names stand in the chart: beside a point of their method, and not on top of each other."""

from typing import Any, NamedTuple

import pandas as pd

LETTER, LINE, POINT = 6.6, 14, 7  # pixels: width and height of text, radius kept free around a point
SIDES = {"right": (9, -9), "left": (-9, -9), "above": (0, -13), "below": (0, 13)}
Box = tuple[float, float, float, float]  # left, top, right, bottom


class Plot(NamedTuple):
    """The pixels that a plot is taken to have; it stretches with the page."""

    width: int
    height: int


WIDE, PHONE = Plot(1100, 360), Plot(250, 360)


def place_labels(points: pd.DataFrame, plot: Plot = WIDE) -> pd.DataFrame:
    """One row for each name that fits: a point and side where it overlaps nothing. The first rows choose first.

    Args:
        points: columns x, y (data units) and label; may hold several points of a label.

    Returns:
        The chosen points with a column ``side``, a key of :data:`SIDES`; a name without a free place is left out.
    """
    px, py = _pixels(points["x"], plot.width), plot.height - _pixels(points["y"], plot.height)
    by_label: dict[Any, list[Any]] = {}
    for row in points[["label"]].assign(px=px, py=py).itertuples():
        by_label.setdefault(row.label, []).append(row)
    taken = [(row.px - POINT, row.py - POINT, row.px + POINT, row.py + POINT) for g in by_label.values() for row in g]
    chosen: list[tuple[Any, str]] = []
    for group in by_label.values():
        tries = ((row, side) for side in SIDES for row in group)
        free = (t for t in tries if _inside(_box(*t), plot) and not any(_overlap(_box(*t), b) for b in taken))
        found = next(free, None)
        if found:
            taken.append(_box(*found))
            chosen.append((found[0].Index, found[1]))
    return points.loc[[index for index, _ in chosen]].assign(side=[side for _, side in chosen])


def _pixels(values: pd.Series, length: int) -> pd.Series:
    span = (values.max() - values.min()) or 1.0
    return (values - values.min()) / span * length


def _box(row: Any, side: str) -> Box:
    """What the text covers."""
    dx, dy = SIDES[side]
    width = len(row.label) * LETTER
    left = row.px + {"right": dx, "left": dx - width}.get(side, -width / 2)
    return (left, row.py + dy - LINE / 2, left + width, row.py + dy + LINE / 2)


def _inside(box: Box, plot: Plot) -> bool:
    """A name may leave the outermost points by the margin around them."""
    return box[0] >= -30 and box[2] <= plot.width + 30


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
