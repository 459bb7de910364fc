"""Accuracy and memory as the network is cut into more modules."""

import pandas as pd
import streamlit as st
from choosers import kept, one_setting, row, some_of
from parts import board_or_stop, heading, nothing_matches

from benchmark.display import explanations
from benchmark.display.charts import by_modules
from benchmark.display.traits import TRAITS

HANDFUL, MOST = 6, 10


def main() -> None:
    """The page."""
    heading("Modules", explanations.LEADS["modules"])
    board = board_or_stop()
    with row():
        setting = one_setting(board)
        local = kept(setting[setting["method"] != "e2ebp"], TRAITS, 165)
        options = sorted(local["method"].unique())
        chosen = some_of("Method", options, "method", 420, most=MOST, placeholder=f"the {HANDFUL} most accurate")
    rows = setting[setting["method"].isin([*(chosen or handful(local)), "e2ebp"])]
    if rows["test_top1_pct"].dropna().empty:
        nothing_matches("finished row")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        st.header("Accuracy", anchor=False)
        st.altair_chart(by_modules(rows, "test_top1_pct"), width="stretch")
    with right:
        st.header("Memory", anchor=False)
        st.altair_chart(by_modules(rows.dropna(subset=["memory_ratio"]), "memory_ratio"), width="stretch")
    st.caption(explanations.MODULES + ("" if len(ks(rows)) > 1 else " This suite has a single K."))


def handful(local: pd.DataFrame) -> list[str]:
    """The most accurate methods among those with most K."""
    local = local[(local["family"] != "end-to-end") & (local["kind"] == "")]
    done = local[local["modules"] > 1].dropna(subset=["test_top1_pct"])
    best = done.groupby("method").agg(ks=("modules", "nunique"), top=("test_top1_pct", "mean"))
    return list(best.sort_values(["ks", "top"], ascending=False).index[:HANDFUL])


def ks(rows: pd.DataFrame) -> set[int]:
    """The numbers of modules that anything was cut into."""
    return set(rows["modules"]) - {1}


main()
