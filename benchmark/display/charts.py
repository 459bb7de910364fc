"""The charts of the dashboard and of the static pages: trade-offs, number of modules, learning curves.

Names of methods reach a chart as data, never as a field's name or an expression, so they are drawn as text.
"""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from benchmark.display.axes import ACROSS, UP, accuracy_axis, accuracy_domain, compute_axis, in_pixels, ratio_axis
from benchmark.display.labels import PHONE, WIDE, Plot, place_labels
from benchmark.display.looks import (
    GREEN,
    INK,
    NARROW,
    SHAPES,
    family_colour,
    layered,
    line_colour,
    tooltip,
    with_texts,
)
from benchmark.display.texts import FAMILIES, GREY, REFERENCES
from benchmark.schema.suite import TWIN

COSTS = {
    "memory_ratio": "Peak training memory, × end-to-end (simulated)",
    "time_ratio": "Time of a training step, × end-to-end",
    "train_tflops": "FLOPs of the whole training, 10¹²",
    "epochs": "Epochs, all phases together",
}
AMOUNTS = ("train_tflops", "epochs")  # of the costs, those that are no ratios
MEASURES = {"test_top1_pct": "Test accuracy, %", "memory_ratio": "Peak memory, × end-to-end (simulated)"}
PICKED = ("method", "variant", "modules", "cuts", "kind")  # what tells the rows of one suite and backbone apart
ABOUT = {
    "name": "method",
    "modules": "K",
    "accuracy": "test accuracy, %",
    "difference": "vs end-to-end, points",
    "n_ok": "n",
    "epochs": "epochs",
    "equal_epochs": "at equal epochs, points",
    "equal_flops": "at equal FLOPs, points",
    "memory_ratio": "memory ×",
    "time_ratio": "time ×",
    "status": "status",
}
FIELDS = [*dict.fromkeys([*PICKED, "label", "family", *ABOUT])]


def trade_off(rows: pd.DataFrame, references: pd.DataFrame, x: str, curve: pd.DataFrame | None = None) -> Any:
    """Accuracy against a cost: a point a row that has both, with its interval, and the Pareto front of these.

    A click on a point selects it (parameter ``picked``, fields :data:`PICKED`).

    Args:
        rows: filtered rows of the leaderboard, of one suite and backbone.
        references: rows that stand in the chart whatever the filters say.
        x: one of :data:`COSTS`.
        curve: the twin's rows of all lengths, drawn as a line.
    """
    shown = pd.concat([rows, references]).drop_duplicates(list(PICKED))
    shown = _with_bounds(with_texts(shown.dropna(subset=["test_top1_pct", x])), "test_top1_pct")
    shown = shown.assign(x=shown[x].astype(float), y=shown["test_top1_pct"])
    shown["front"] = on_front(shown)
    shown["first"] = shown["front"] | shown["method"].isin(REFERENCES)
    shown = shown.sort_values("first", kind="stable")[[*FIELDS, "x", "y", "low", "high", "front", "first"]]
    line = _reference_points(rows[:0] if curve is None else curve, x)
    at = pd.concat([shown[["x", "y"]], line[["x", "y"]]])
    along = compute_axis if x in AMOUNTS else ratio_axis
    axes = {"x": along(COSTS[x], at["x"]), "y": accuracy_axis(MEASURES["test_top1_pct"], at["y"])}
    layers = [_reference_curve(line, axes)] if len(line) else []
    layers += [_guides(shown, axes), _front(shown, axes), _paths(shown, axes), _intervals(shown, axes)]
    names = [name for plot in (WIDE, PHONE) for name in _labels(_on(plot, shown, at), plot, axes)]
    return layered(*layers, _points(shown, axes), *names).properties(height=WIDE.height)


def _on(plot: Plot, shown: pd.DataFrame, at: pd.DataFrame) -> pd.DataFrame:
    """The rows with their places ``px`` and ``py`` in the plot, whose axes reach over ``at``."""
    across = np.log(at["x"].astype(float))
    px = in_pixels(np.log(shown["x"]), (across.min(), across.max()), plot.width, ACROSS)
    return shown.assign(px=px, py=plot.height - in_pixels(shown["y"], accuracy_domain(at["y"]), plot.height, UP))


def _reference_points(curve: pd.DataFrame, x: str) -> pd.DataFrame:
    curve = curve.dropna(subset=["test_top1_pct", x])
    length = [f"{TWIN}, {times:g} × epochs" for times in curve["times"]]
    reached = with_texts(curve)["accuracy"]
    points = {"x": curve[x].astype(float), "y": curve["test_top1_pct"], "length": length, "reached": reached}
    return pd.DataFrame(points, columns=list(points))


def _reference_curve(line: pd.DataFrame, axes: dict[str, Any]) -> alt.Chart:
    """What the twin reaches with more and with less: linear in the logarithm, as the gaps are read."""
    mark: dict[str, Any] = {"strokeDash": [6, 3], "strokeWidth": 1.6, "color": GREY}
    drawn = alt.Chart(line).mark_line(point={"color": GREY, "size": 40, "filled": True}, **mark)
    about = tooltip(length="run", reached="test accuracy, %")
    return drawn.encode(order="x:Q", tooltip=about, **axes)


def on_front(points: pd.DataFrame) -> pd.Series:
    """Whether no other point has at least the accuracy ``y`` for at most the cost ``x``, and more of one.

    Only points that are ``comparable`` are looked at: a row that lacks a seed is not on the front.
    """
    full = points[points["comparable"]]
    pairs = full[["x", "y"]].to_numpy(dtype=float)
    dominated = [((pairs[:, 0] <= x) & (pairs[:, 1] >= y) & ((pairs != (x, y)).any(axis=1))).any() for x, y in pairs]
    return (~pd.Series(dominated, index=full.index, dtype=bool)).reindex(points.index, fill_value=False)


def _with_bounds(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Columns ``low`` and ``high``: the interval of the accuracy; no other measure has one."""
    half = rows["test_top1_half_pct"].fillna(0) if measure == "test_top1_pct" else 0.0
    most = 100 if measure == "test_top1_pct" else None
    return rows.assign(low=(rows[measure] - half).clip(lower=0), high=(rows[measure] + half).clip(upper=most))


def _axis_of(measure: str, shown: pd.DataFrame) -> alt.Y:
    """The axis of the field ``y``, wide enough for the intervals; memory begins at zero."""
    if measure == "test_top1_pct":
        return accuracy_axis(MEASURES[measure], pd.concat([shown["low"], shown["high"]]))
    return alt.Y("y:Q", title=MEASURES[measure], scale=alt.Scale(zero=True), axis=alt.Axis(format=".2~f", tickCount=6))


def _at(y: alt.Y, field: str) -> alt.Y:
    """The same axis for another field."""
    other = y.copy()
    other.shorthand = f"{field}:Q"
    return other


def _guides(shown: pd.DataFrame, axes: dict[str, Any]) -> Any:
    """A cross of dashed lines through the end-to-end twin, with its name at the top."""
    twin = alt.Chart(shown[shown["method"] == TWIN].assign(named=_with_k))
    rule = twin.mark_rule(strokeDash=[3, 4], color=GREY, opacity=0.5, tooltip=None)
    name = twin.mark_text(align="center", baseline="bottom", dy=-4, fontSize=12, color=INK, tooltip=None)
    named = name.encode(x=axes["x"], y=alt.value(0), text="named:N")
    return alt.layer(rule.encode(x=axes["x"]), rule.encode(y=axes["y"]), named)


def _front(shown: pd.DataFrame, axes: dict[str, Any]) -> alt.Chart:
    """What can be had for a given cost: a stair that goes up where the front has a point."""
    line = alt.Chart(shown[shown["front"]]).mark_line(
        interpolate="step-after", strokeWidth=7, opacity=0.28, color=GREEN, strokeJoin="round", tooltip=None
    )
    return line.encode(order="x:Q", **axes)


def _paths(shown: pd.DataFrame, axes: dict[str, Any]) -> alt.Chart:
    line = alt.Chart(shown).mark_line(strokeWidth=1.1, opacity=0.3, tooltip=None)
    return line.encode(color=family_colour(), detail="label:N", order="modules:Q", **axes)


def _intervals(shown: pd.DataFrame, axes: dict[str, Any]) -> alt.Chart:
    rule = alt.Chart(shown).mark_rule(strokeWidth=1.5, opacity=0.6, clip=True, tooltip=None)
    return rule.encode(x=axes["x"], y=_at(axes["y"], "low"), y2="high:Q", color=family_colour())


def _points(shown: pd.DataFrame, axes: dict[str, Any]) -> alt.Chart:
    shapes = alt.Scale(domain=list(FAMILIES), range=[shape for _, shape in FAMILIES.values()])
    picked = alt.selection_point(name="picked", fields=list(PICKED))
    points = alt.Chart(shown).mark_point(filled=True, cursor="pointer")
    return points.encode(
        color=family_colour(),
        shape=alt.Shape("family:N", scale=shapes, legend=None),
        size=alt.condition("datum.first", alt.value(130), alt.value(75)),
        opacity=alt.condition(picked, alt.value(0.95), alt.value(0.2)),
        tooltip=tooltip(**ABOUT),
        **axes,
    ).add_params(picked)


def _labels(shown: pd.DataFrame, plot: Plot, axes: dict[str, Any]) -> list[alt.Chart]:
    """Names, drawn where the plot is about as wide as reckoned: of the whole front with K, of others where they fit."""
    others = shown[shown["method"] != TWIN].iloc[::-1]  # drawn last is first to choose
    front = others["front"]
    elsewhere = others["label"].isin(others.loc[front, "label"])
    named = others.assign(label=_with_k(others).where(front, others["label"]), must=front)[front | ~elsewhere]
    placed = place_labels(named, plot)[["x", "y", "label", "dx", "dy", "align", "far"]]
    at: dict[str, Any] = {name: alt.ExprRef(f"datum.{name}") for name in ("dx", "dy", "align")}
    seen = f"(width {'>=' if plot is WIDE else '<'} {NARROW} ? 1 : 0)"  # what is not seen must not take room either
    size = alt.ExprRef(f"12 * {seen}")
    text = alt.Chart(placed).mark_text(**at, baseline="middle", fontSize=size, color=INK, tooltip=None)
    to: dict[str, Any] = {f"{end}2Offset": alt.ExprRef(f"datum.d{end} * {seen}") for end in ("x", "y")}
    lead = alt.Chart(placed[placed["far"]]).mark_rule(**to, color=INK, strokeOpacity=0.5, tooltip=None)
    return [lead.encode(x2="x:Q", y2="y:Q", **axes), text.encode(text="label:N", **axes)]


def _with_k(rows: pd.DataFrame) -> pd.Series:
    """``dgl, K = 4``."""
    return rows["label"].astype(str) + ", K = " + rows["modules"].astype(int).astype(str)


def by_modules(rows: pd.DataFrame, measure: str) -> Any:
    """A line a method over K, with 95 % intervals over seeds; the end-to-end twin is the dashed line.

    Args:
        rows: rows of the leaderboard, of one suite and backbone.
        measure: ``test_top1_pct`` or ``memory_ratio``.
    """
    shown = _with_bounds(with_texts(rows.dropna(subset=[measure])), measure)
    shown = shown.assign(y=shown[measure])[[*FIELDS, "y", "low", "high"]]
    twin, lines = shown[shown["method"] == TWIN], shown[shown["method"] != TWIN]
    names = list(dict.fromkeys(lines["label"]))
    ks = sorted({int(k) for k in lines["modules"]})
    scale = alt.Scale(type="log", base=2, nice=False, padding=24)
    x = alt.X("modules:Q", title="K, number of modules", scale=scale, axis=alt.Axis(values=ks, format="d", grid=False))
    y, colour = _axis_of(measure, shown), line_colour("label:N", names, grey=TWIN)
    low = _at(y, "low")
    shape = alt.Shape("label:N", legend=None, scale=alt.Scale(domain=names, range=_in_turn(SHAPES, len(names))))
    base, about = alt.Chart(lines), tooltip(**ABOUT)
    dashed = alt.Chart(twin).mark_rule(strokeDash=[5, 4], strokeWidth=1.6)
    layers = [
        dashed.encode(y=y, color=colour, tooltip=about),
        base.mark_area(opacity=0.08, tooltip=None).encode(x=x, y=low, y2="high:Q", color=colour),
        base.mark_rule(strokeWidth=1.5, opacity=0.5, tooltip=None).encode(x=x, y=low, y2="high:Q", color=colour),
        base.mark_line(strokeWidth=2.2, tooltip=None).encode(x=x, y=y, color=colour),
        base.mark_point(filled=True, size=85, opacity=1).encode(x=x, y=y, color=colour, shape=shape, tooltip=about),
    ]
    return layered(*layers).properties(height=420)


def _in_turn(values: tuple[str, ...], n: int) -> list[str]:
    return [values[i % len(values)] for i in range(n)]


def learning_curves(long: pd.DataFrame) -> Any:
    """Lines over the epochs, a colour a run; of one run, a colour a measure. Thin lines mark where a phase begins.

    Args:
        long: columns run, epoch, measure, value; and phase, if phases shall be marked.
    """
    long = long.dropna(subset=["value"])
    measures = list(dict.fromkeys(long["measure"]))
    runs = list(dict.fromkeys(long["run"]))
    hue = "measure" if len(runs) == 1 and len(measures) > 1 else "run"
    title = measures[0] if len(measures) == 1 else "Loss" if all(m.startswith("loss") for m in measures) else "Value"
    axis = alt.Axis(format="d", tickMinStep=1, grid=False)
    x = alt.X("epoch:Q", title="Epoch", scale=alt.Scale(nice=False, zero=False, padding=8), axis=axis)
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=6))
    if title.endswith("%"):
        y = accuracy_axis(title, long["value"], "value")
    base = alt.Chart(long).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=22) if len(long) < 600 else False)
    about = [*tooltip(run="run", measure="measure", epoch="epoch"), alt.Tooltip("value:Q", format=".4~g")]
    line = base.encode(x=x, y=y, color=line_colour(f"{hue}:N", measures if hue == "measure" else runs), tooltip=about)
    line = line.encode(detail=["run:N", "measure:N"])
    if hue == "run" and len(measures) > 1:
        line = line.encode(strokeDash=alt.StrokeDash("measure:N", sort=measures, legend=None))
    return layered(*_phases(long, x), line).properties(height=340)


def _phases(long: pd.DataFrame, x: alt.X) -> list[alt.Chart]:
    """A thin line at the first epoch of every phase but a run's first."""
    if "phase" not in long:
        return []
    starts = long.groupby(["run", "phase"], as_index=False)["epoch"].min()
    starts = starts[starts["phase"] > 0].assign(phase=lambda later: later["phase"] + 1)
    rule = alt.Chart(starts).mark_rule(strokeDash=[2, 3], color=GREY, opacity=0.7)
    return [rule.encode(x=x, tooltip=tooltip(run="run", phase="phase", epoch="begins at epoch"))]
