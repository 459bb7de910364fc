"""Accuracy and memory as the network is cut into more modules."""

from typing import Any

import pandas as pd
import streamlit as st
from choosers import kept, one_setting, row, some_of
from columns_shown import FAMILY, column, number, text
from parts import board_or_stop, heading, nothing_matches, show_chart, show_table

from benchmark.display import by_family, explanations
from benchmark.display.charts import by_modules
from benchmark.display.traits import TRAITS
from benchmark.schema.suite import TWIN
from benchmark.tables.columns import REFERENCE

HANDFUL, MOST = 6, 10


def main() -> None:
    """The page."""
    heading("Modules", explanations.LEADS["modules"])
    board = board_or_stop()
    with row():
        setting = one_setting(board)
        local = kept(setting[setting["method"] != TWIN], TRAITS, 165)
        options = sorted(local["method"].unique())
        chosen = some_of("Method", options, "method", 420, most=MOST, placeholder=f"the {HANDFUL} most accurate")
    rows = setting[setting["method"].isin([*(chosen or handful(local)), TWIN])]
    if rows["test_top1_pct"].dropna().empty:
        nothing_matches("finished row")
        return
    if said := by_family.in_a_sentence(local):
        st.markdown(said)
    left, right = st.columns(2, gap="medium")
    with left:
        st.header("Accuracy", anchor=False)
        show_chart(by_modules(rows, "test_top1_pct"))
    with right:
        st.header("Memory", anchor=False)
        show_chart(by_modules(rows.dropna(subset=["memory_ratio"]), "memory_ratio"))
    st.caption(explanations.MODULES + ("" if len(by_family.ks_of(rows)) > 1 else " This suite has a single K."))
    show_families(local)


def show_families(local: pd.DataFrame) -> None:
    """What becomes of each family, and of each learning signal in it."""
    table = by_family.by_family(local)
    if table.empty:
        return
    st.header(by_family.TITLE, anchor=False)
    shown = table.assign(family=[[family] for family in table["family"]])
    show_table(shown, families_columns(by_family.ks_of(local)), f"{by_family.TITLE}, {len(table)} rows")
    st.caption(by_family.HOW)


def families_columns(ks: list[int]) -> dict[str, Any]:
    """A column a K."""
    means = by_family.MEANS
    return {
        "family": FAMILY,
        "branch": text("", "Learning signal", 190),
        "methods": number("", "Methods", "%d", 80),
        **{by_family.key(k): column.TextColumn(f"K = {k}", help=means["gap"], width=170) for k in ks},
        by_family.CHANGE: column.NumberColumn("Change", format="%+.1f", help=means[by_family.CHANGE], width=90),
    }


def handful(local: pd.DataFrame) -> list[str]:
    """The most accurate methods among those with most K."""
    local = local[(local["family"] != REFERENCE) & (local["kind"] == "")]
    done = local[local["modules"] > 1].dropna(subset=["test_top1_pct"])
    best = done.groupby("method").agg(ks=("modules", "nunique"), top=("test_top1_pct", "mean"))
    return list(best.sort_values(["ks", "top"], ascending=False).index[:HANDFUL])


main()
