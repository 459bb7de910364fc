"""The chart of accuracy against memory."""

from typing import Any

import altair as alt
import pandas as pd

from benchmark.display.labels import SIDES, place_labels
from benchmark.tables.columns import with_interval

REFERENCES = ("e2ebp", "gradient_checkpointing")
# Okabe and Ito's colours, which colour-blind readers tell apart; the shapes say the same once more.
FAMILIES = {
    "weakly modular": ("#2A8AC4", "circle"),
    "strictly modular": ("#D55E00", "square"),
    "end-to-end": ("#8A8F98", "diamond"),
}
GREY = FAMILIES["end-to-end"][0]
TOOLTIP = {
    "name": "method",
    "modules": "K",
    "accuracy": "test accuracy, %",
    "difference": "vs end-to-end, points",
    "n_ok": "n",
    "memory_ratio": "memory ×",
    "time_ratio": "time ×",
    "status": "status",
}


def accuracy_against_memory(rows: pd.DataFrame, references: pd.DataFrame) -> Any:
    """One point a row that has both numbers, with its interval; lines join the K of a method.

    Args:
        rows: filtered rows of the leaderboard.
        references: rows that stand in the chart whatever the filters say.
    """
    shown = pd.concat([rows, references]).drop_duplicates(["method", "variant", "modules", "cuts"])
    shown = shown.dropna(subset=["test_top1_pct", "memory_ratio"]).drop(columns="curve")
    shown = shown.sort_values("method", key=lambda method: method.isin(REFERENCES), kind="stable")  # on top
    half = shown["test_top1_half_pct"].fillna(0)
    shown = shown.assign(
        x=shown["memory_ratio"],
        y=shown["test_top1_pct"],
        low=(shown["test_top1_pct"] - half).clip(lower=0),
        high=(shown["test_top1_pct"] + half).clip(upper=100),
        accuracy=_texts(shown, "test_top1", ""),
        difference=_texts(shown, "vs_e2ebp", "+"),
        label=[short_name(*names) for names in zip(shown["method"], shown["variant"], strict=True)],
    )
    twin = shown[shown["method"] == "e2ebp"]
    layers: list[Any] = [_guides(twin), _paths(shown), _intervals(shown), _points(shown), *_labels(place_labels(shown))]
    return alt.layer(*layers).properties(height=430)


def _texts(shown: pd.DataFrame, name: str, sign: str) -> list[str]:
    numbers = shown[[f"{name}_pct", f"{name}_half_pct"]].to_numpy(dtype=float)
    return [with_interval(mean, half, sign) for mean, half in numbers]


def short_name(method: str, variant: str) -> str:
    """``infopro softmax``; the id alone where the variant says no more."""
    return (method if variant in ("", method) else f"{method} {variant}")[:32]


def _x() -> alt.X:
    scale = alt.Scale(zero=False, nice=False, padding=30)
    axis = alt.Axis(format=".2~f", tickCount=8, grid=False)
    return alt.X("x:Q", title="Peak training memory, × end-to-end (simulated)", scale=scale, axis=axis)


def _y(field: str = "y") -> alt.Y:
    scale = alt.Scale(zero=False, nice=False, padding=16)
    axis = alt.Axis(format=".2~f", tickCount=6)
    return alt.Y(f"{field}:Q", title="Test accuracy, %", scale=scale, axis=axis)


def _colour() -> alt.Color:
    colours = alt.Scale(domain=list(FAMILIES), range=[colour for colour, _ in FAMILIES.values()])
    return alt.Color(
        "family:N",
        scale=colours,
        legend=alt.Legend(title=None, orient="top", symbolSize=80, symbolOpacity=1, labelFontSize=12, columnPadding=10),
    )


def _guides(twin: pd.DataFrame) -> Any:
    """A cross of dashed lines through the end-to-end twin."""
    rule = alt.Chart(twin).mark_rule(strokeDash=[3, 4], color=GREY, opacity=0.6, tooltip=None)
    return alt.layer(rule.encode(x=_x()), rule.encode(y=_y()))


def _paths(shown: pd.DataFrame) -> alt.Chart:
    line = alt.Chart(shown).mark_line(strokeWidth=1.2, opacity=0.35, tooltip=None)
    return line.encode(x=_x(), y=_y(), color=_colour(), detail=["method:N", "variant:N"], order="modules:Q")


def _intervals(shown: pd.DataFrame) -> alt.Chart:
    return (
        alt.Chart(shown)
        .mark_rule(strokeWidth=1.6, opacity=0.55, tooltip=None)
        .encode(x=_x(), y=_y("low"), y2="high:Q", color=_colour())
    )


def _points(shown: pd.DataFrame) -> alt.Chart:
    shapes = alt.Scale(domain=list(FAMILIES), range=[shape for _, shape in FAMILIES.values()])
    return (
        alt.Chart(shown)
        .mark_point(filled=True, size=95, opacity=0.95)
        .encode(
            x=_x(),
            y=_y(),
            color=_colour(),
            shape=alt.Shape("family:N", scale=shapes, legend=None),
            tooltip=[alt.Tooltip(field, title=title) for field, title in TOOLTIP.items()],
        )
    )


def _labels(placed: pd.DataFrame) -> list[alt.Chart]:
    """A layer for each side, as alignment belongs to the mark."""
    align: dict[str, Any] = {"right": "left", "left": "right"}
    return [
        alt.Chart(placed[placed["side"] == side])
        .mark_text(align=align.get(side, "center"), baseline="middle", dx=dx, dy=dy, fontSize=12)
        .encode(x=_x(), y=_y(), text="label:N", color=_colour())
        for side, (dx, dy) in SIDES.items()
    ]
