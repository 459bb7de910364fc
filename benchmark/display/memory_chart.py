"""What a cut buys: memory over K, beside end-to-end backpropagation, gradient checkpointing and the card."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from benchmark.display.fitting import card_in_words, largest_in_words
from benchmark.display.looks import GREEN, INK, family_colour, layered, tooltip
from benchmark.display.texts import GREY
from benchmark.schema.suite import CHECKPOINTING, TWIN

NAMED = 4  # methods with most memory, and so many with least, whose names stand in the chart
ABOUT = {
    **{"label": "method", "modules": "K", "card": "on a card, GB", "fits": "on this card", "batch": "largest batch"},
    "accuracy": "accuracy, points",
}


def memory_by_modules(rows: pd.DataFrame, memory: float) -> Any:
    """A line a method; a point where there is one K. Dashed: backpropagation; green: the bar; dotted: the card.

    Args:
        rows: of :func:`benchmark.display.fitting.on_card`.
        memory: of the card, GB.
    """
    rows = rows.assign(
        card=[card_in_words(row) for row in rows.to_dict("records")],
        batch=[largest_in_words(row) for row in rows.to_dict("records")],
        flops=rows["flops_ratio"].map("{:.2f}".format),
    )
    shown = rows[["method", "family", "simulated", "flops", *ABOUT]]
    cut = shown[shown["modules"] > 1]
    ks = sorted({int(k) for k in cut["modules"]})
    x_scale = alt.Scale(type="log", base=2, nice=False, padding=30)
    x = alt.X(
        "modules:Q", title="K, number of modules", scale=x_scale, axis=alt.Axis(values=ks, format="d", grid=False)
    )
    y_scale = alt.Scale(type="log", nice=False, padding=16)
    y = alt.Y("simulated:Q", title="Simulated peak, GB", scale=y_scale, axis=alt.Axis(format="~g", labelOverlap=True))
    base = alt.Chart(cut[cut["method"] != CHECKPOINTING])
    bar = alt.Chart(cut[cut["method"] == CHECKPOINTING])
    about = tooltip(**ABOUT, flops="FLOPs ×")
    points = base.mark_point(filled=True, size=45, opacity=0.9)
    layers = [
        _rule(shown[shown["method"] == TWIN], y, [5, 4], "end-to-end backpropagation"),
        _rule(pd.DataFrame({"simulated": [memory]}), y, [1, 4], f"{memory:g} GB card"),
        base.mark_line(strokeWidth=1.6, opacity=0.45).encode(x=x, y=y, color=family_colour(), detail="label:N"),
        bar.mark_line(strokeWidth=4, opacity=0.6, color=GREEN).encode(x=x, y=y),
        points.encode(x=x, y=y, color=family_colour(), tooltip=about),
        bar.mark_point(filled=True, size=90, color=GREEN, opacity=1, shape="diamond").encode(x=x, y=y, tooltip=about),
        _names(cut, x, y),
    ]
    return layered(*layers).properties(height=440)


def _rule(rows: pd.DataFrame, y: alt.Y, dash: list[int], says: str) -> Any:
    base = alt.Chart(rows.assign(says=says))
    text = base.mark_text(align="left", baseline="bottom", dx=4, dy=-3, fontSize=12, color=INK)
    rule = base.mark_rule(strokeDash=dash, strokeWidth=1.6, color=GREY)
    return alt.layer(rule.encode(y=y), text.encode(y=y, x=alt.value(0), text="says:N"))


def _names(cut: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    """Of the bar and of the lines that end highest and lowest, those left out that would lie on another."""
    ends = cut.sort_values("modules").groupby("label", sort=False).tail(1).sort_values("simulated")
    first = pd.concat([ends[ends["method"] == CHECKPOINTING], ends.tail(NAMED).iloc[::-1], ends.head(NAMED)])
    height = np.log(ends["simulated"])
    line = 16 / 440 * (height.max() - height.min())  # of text
    kept: list[Any] = []
    for index in first.drop_duplicates("label").index:
        if all(abs(height[index] - height[other]) > line for other in kept):
            kept.append(index)
    text = alt.Chart(ends.loc[kept]).mark_text(align="right", dx=-9, dy=-9, fontSize=12, color=INK)
    return text.encode(x=x, y=y, text="label:N")
