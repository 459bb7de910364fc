"""Where the names stand in the chart: beside a point of their method, and not on top of each other."""

from typing import Any

import pandas as pd

WIDTH, HEIGHT = 900, 360  # pixels that the plot is taken to have; it stretches with the page
LETTER, LINE, POINT = 6.6, 14, 7  # pixels: width and height of text, radius kept free around a point
SIDES = {"right": (9, -9), "left": (-9, -9), "above": (0, -13), "below": (0, 13)}
Box = tuple[float, float, float, float]  # left, top, right, bottom


def place_labels(points: pd.DataFrame) -> pd.DataFrame:
    """One row for each name: a point and side where it overlaps nothing, else right of its first point.

    Args:
        points: columns x, y (data units) and label; may hold several points of a label.

    Returns:
        The chosen points with a column ``side``, a key of :data:`SIDES`.
    """
    points = points.assign(px=_pixels(points["x"], WIDTH), py=HEIGHT - _pixels(points["y"], HEIGHT))
    taken = [(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in points[["px", "py"]].to_numpy()]
    chosen = []
    for _, group in points.groupby("label", sort=False):
        tries = [(row, side) for side in SIDES for row in group.itertuples()]
        free = [t for t in tries if not any(_overlap(_box(*t), other) for other in taken)]
        row, side = (free or tries)[0]
        taken.append(_box(row, side))
        chosen.append((row.Index, side))
    index, sides = zip(*chosen, strict=True) if chosen else ((), ())
    return points.loc[list(index)].assign(side=list(sides))


def _pixels(values: pd.Series, length: int) -> pd.Series:
    span = (values.max() - values.min()) or 1.0
    return (values - values.min()) / span * length


def _box(row: Any, side: str) -> Box:
    """What the text covers; a name may not leave the plot by more than a margin, so such a box is endless."""
    dx, dy = SIDES[side]
    width = len(row.label) * LETTER
    left = row.px + {"right": dx, "left": dx - width}.get(side, -width / 2)
    box = (left, row.py + dy - LINE / 2, left + width, row.py + dy + LINE / 2)
    inside = box[0] >= -30 and box[2] <= WIDTH + 30
    return box if inside else (-1e9, -1e9, 1e9, 1e9)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
