"""Where the names stand in the chart: beside a point of their method, and not on top of each other."""

from typing import Any, NamedTuple

import pandas as pd

LETTER, LINE, POINT = 6.6, 14, 7  # pixels: width and height of text, radius kept free around a point
Box = tuple[float, float, float, float]  # left, top, right, bottom


class Plot(NamedTuple):
    """The pixels that a plot is taken to have; its width stretches with the page."""

    width: int
    height: int


WIDE, PHONE = Plot(1100, 500), Plot(280, 500)


class Place(NamedTuple):
    """Where a name stands, in pixels from its point, and which part of it stands there."""

    dx: int
    dy: int
    align: str


SIDES = (Place(9, -9, "left"), Place(-9, -9, "right"), Place(0, -13, "center"), Place(0, 13, "center"))
STEPS = [(9 + LINE * step) * sign for step in range(1, 26) for sign in (-1, 1)]  # up or down, to where a line leads


def place_labels(points: pd.DataFrame, plot: Plot = WIDE) -> pd.DataFrame:
    """One row for each name that fits: a point and place where it overlaps nothing. The first rows choose first.

    Args:
        points: columns px, py (pixels from the left and from the top of the plot) and label; may hold several points
            of a label. Where there is a column ``must`` and it holds, the name goes as far away as it has to.
        plot: how large it is.

    Returns:
        The chosen points with columns ``dx``, ``dy``, ``align`` of their places, and ``far``; a name without a free
        place is left out.
    """
    must = points["must"] if "must" in points else pd.Series(False, index=points.index)
    by_label: dict[Any, list[Any]] = {}
    for row in points[["label", "px", "py"]].assign(must=must).itertuples():
        by_label.setdefault(row.label, []).append(row)
    taken = [(row.px - POINT, row.py - POINT, row.px + POINT, row.py + POINT) for g in by_label.values() for row in g]
    chosen: list[tuple[Any, Place]] = []
    for group in by_label.values():
        tries = [(row, place) for place in SIDES for row in group]
        tries += [(row, place) for dy in STEPS for row in group if row.must for place in _far(row, dy, plot)]
        free = (t for t in tries if _inside(_box(*t), plot) and not any(_overlap(_box(*t), b) for b in taken))
        found = next(free, (group[0], SIDES[0]) if group[0].must else None)
        if found:
            taken.append(_box(*found))
            chosen.append((found[0].Index, found[1]))
    placed = points.loc[[index for index, _ in chosen]]
    said = {name: [getattr(place, name) for _, place in chosen] for name in Place._fields}
    return placed.assign(**said, far=[place not in SIDES for _, place in chosen])


def _far(row: Any, dy: int, plot: Plot) -> list[Place]:
    """Right and left of a point, above or below it, and as near to it as the plot has room for the name."""
    width = len(row.label) * LETTER
    right, left = min(14, plot.width - width - row.px), max(-14, width - row.px)
    return [Place(round(right), dy, "left"), Place(round(left), dy, "right")]


def _box(row: Any, place: Place) -> Box:
    """What the text covers."""
    width = len(row.label) * LETTER
    left = row.px + place.dx - {"left": 0.0, "right": width}.get(place.align, width / 2)
    return (left, row.py + place.dy - LINE / 2, left + width, row.py + place.dy + LINE / 2)


def _inside(box: Box, plot: Plot) -> bool:
    return box[0] >= -1 and box[2] <= plot.width + 1 and box[1] >= 0 and box[3] <= plot.height


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
