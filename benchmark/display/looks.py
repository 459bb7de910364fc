"""Colours, shapes and texts that all charts share: chosen to read on light and dark, and by colour-blind readers."""

from typing import Any

import altair as alt
import pandas as pd

from benchmark.display.texts import FAMILIES, GREY, short_names
from benchmark.tables.columns import with_interval

GREEN = "#00815E"
INK = "currentColor"  # of words in charts: no one colour is read on light and on dark pages
LINES = ("#2176B0", "#BD5000", GREEN, "#C76AA0", "#C28500", "#3A97D2", "#8F6BD1", "#A0782C", "#C43D4B", "#6B7A2F")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
LONG = 20  # characters of a name: two such columns are too wide for a phone
NARROW = 560  # pixels of plot: below, a legend has fewer columns and fewer names stand in a chart


def with_texts(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a ``label`` and with accuracy and differences as they are written, for tooltips."""
    return rows.drop(columns="curve", errors="ignore").assign(
        label=short_names(rows),
        accuracy=_texts(rows, "test_top1", ""),
        difference=_texts(rows, "vs_e2ebp", "+"),
        equal_epochs=_texts(rows, "equal_epochs", "+"),
        equal_flops=_texts(rows, "equal_flops", "+"),
    )


def _texts(rows: pd.DataFrame, name: str, sign: str) -> list[str]:
    numbers = rows[[f"{name}_pct", f"{name}_half_pct"]].to_numpy(dtype=float)
    return [with_interval(mean, half, sign) for mean, half in numbers]


def tooltip(**titles: str) -> list[alt.Tooltip]:
    """Fields and what they are called."""
    return [alt.Tooltip(field, title=title) for field, title in titles.items()]


def family_colour() -> alt.Color:
    """Colour by family, with the legend."""
    colours = alt.Scale(domain=list(FAMILIES), range=[colour for colour, _ in FAMILIES.values()])
    return alt.Color("family:N", scale=colours, legend=legend(columnPadding=10, symbolSize=80))


def line_colour(field: str, names: list[str], grey: str | None = None) -> alt.Color:
    """A colour for each name, in their order, with the legend; the name ``grey``, last, is grey."""
    colours = [LINES[i % len(LINES)] for i in range(len(names))] + [GREY] * bool(grey)
    names = [*names, *([grey] if grey else [])]
    few = 2 if max(map(len, names), default=0) < LONG else 1
    columns = alt.ExprRef(f"width < {NARROW} ? {few} : width < {2 * NARROW} ? {few + 2} : {few + 4}")
    scale = alt.Scale(domain=names, range=colours)
    return alt.Color(field, scale=scale, legend=legend(columns=columns, columnPadding=16))


def legend(**more: Any) -> alt.Legend:
    """A legend above the plot."""
    fixed: dict[str, Any] = {"title": None, "orient": "top", "symbolOpacity": 1, "labelFontSize": 12}
    return alt.Legend(**(fixed | {"labelLimit": 260} | more))


def slim(chart: Any) -> Any:
    """The chart with one column in a legend below it: two of long names are wider than half a page, or a phone."""
    color = getattr(chart.encoding, "color", None)
    if isinstance(color, alt.Color) and isinstance(color["legend"], alt.Legend) and color["legend"].orient == "bottom":
        color["legend"].columns = 1
    return chart


def layered(*layers: Any) -> Any:
    """A whole chart: the layers that have rows, as an empty one is a mark without a name to screen readers."""
    return inked(alt.layer(*([layer for layer in layers if _has_rows(layer)] or layers)))


def inked(chart: Any) -> Any:
    """A whole chart, axes and legends in the page's own ink: Streamlit's own grey is too light to be read."""
    ink: dict[str, Any] = {"labelColor": INK, "titleColor": INK}
    return chart.configure_axis(**ink).configure_legend(**ink)


def _has_rows(layer: Any) -> bool:
    if isinstance(layer.data, pd.DataFrame):
        return len(layer.data) > 0
    return any(_has_rows(inner) for inner in layer.layer)
