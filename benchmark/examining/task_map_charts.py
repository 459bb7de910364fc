"""The pictures of transferability: a score beside the truth as heat maps, and how well each score orders sources."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

VERDICTS = {"estimate": "#00815E", "no estimate": "#BD5000", "baseline": "#6B7A8C"}
GAP = "|"  # an empty column between the two maps
MOST = 2.0  # standard deviations beyond which colours do not go


def task_map(pairs: pd.DataFrame, score: str) -> Any:
    """Two heat maps side by side in one plot, so that it fits any width: the score's, and the truth's.

    Colours are standard deviations from the mean over sources of each target, as only the order of sources counts, and
    targets are of different difficulty. A target's own source, which is in no list, is left white.

    Args:
        pairs: rows of one setting of ``results/transfer-pairs.csv``.
    """
    tasks = list(dict.fromkeys(pairs["target"]))
    others = pairs[pairs["source"] != pairs["target"]]
    parts = [_within_target(others, score, "score"), _within_target(others, "truth_pct", "truth")]
    columns = [*(f"score|{task}" for task in tasks), GAP, *(f"truth|{task}" for task in tasks)]
    return (
        alt.Chart(pd.concat(parts))
        .mark_rect()
        .encode(
            x=alt.X(
                "column:N",
                sort=columns,
                scale=alt.Scale(domain=columns, paddingInner=0.04),
                title="source (left half: the score; right half: the truth)",
                axis=alt.Axis(
                    labelExpr="split(datum.label, '|')[1]", labelAngle=-90, labelLimit=140, labelOverlap=False
                ),
            ),
            y=alt.Y("target:N", sort=tasks, title="target", scale=alt.Scale(paddingInner=0.04)),
            color=alt.Color(
                "deviation:Q",
                title="deviations from the target's mean",
                scale=alt.Scale(scheme="purplegreen", domain=[-MOST, MOST], clamp=True),
                legend=alt.Legend(orient="top", gradientLength=160),
            ),
            tooltip=[
                "map",
                "source",
                "target",
                alt.Tooltip("value:Q", format=".4g"),
                alt.Tooltip("deviation:Q", format=".2f"),
            ],
        )
        .properties(height=22 * len(tasks))
    )


def _within_target(pairs: pd.DataFrame, column: str, name: str) -> pd.DataFrame:
    value = pairs[column].astype(float)
    of = value.groupby(pairs["target"])
    spread = of.transform("std", ddof=0)
    deviation = ((value - of.transform("mean")) / spread.where(spread > 0)).fillna(0.0)
    rows = pairs[["source", "target"]].assign(value=value, deviation=deviation, map=name)
    return rows.assign(column=name + "|" + rows["source"])


def best_rival(pairs: pd.DataFrame, scores: Sequence[str]) -> str:
    """Of the scores, the one that goes with the truth best: by their correlation within targets."""
    others = pairs[pairs["source"] != pairs["target"]]
    truth = _within_target(others, "truth_pct", "truth")["deviation"]
    return max(scores, key=lambda score: float((_within_target(others, score, "score")["deviation"] * truth).sum()))


def correlations(rows: pd.DataFrame, names: Mapping[str, str]) -> Any:
    """Each score's weighted τ with its interval, best first, coloured by its verdict.

    Args:
        rows: of one setting of ``results/transfer.csv``.
        names: of scores, as readers know them.
    """
    fields = ["score", "verdict", "weighted_tau", "weighted_tau_low", "weighted_tau_high", "regret", "beats_static"]
    shown = rows[fields].assign(score=[names.get(score, score) for score in rows["score"]])
    base = alt.Chart(shown).encode(
        y=alt.Y("score:N", sort=list(shown["score"]), title=None, axis=alt.Axis(labelLimit=220)),
        color=alt.Color(
            "verdict:N",
            title=None,
            scale=alt.Scale(domain=list(VERDICTS), range=list(VERDICTS.values())),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=["score", "verdict", *(alt.Tooltip(f"{field}:Q", format=".3f") for field in fields[2:])],
    )
    span = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("weighted_tau_low:Q", title="weighted τ with the truth, mean over targets"), x2="weighted_tau_high:Q"
    )
    point = base.mark_point(filled=True, size=70).encode(
        x="weighted_tau:Q", shape=alt.Shape("verdict:N", scale=alt.Scale(domain=list(VERDICTS)), legend=None)
    )
    return alt.layer(span, point).properties(height=24 * len(shown))
