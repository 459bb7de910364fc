"""Accuracy against memory, time or compute, with the Pareto front; picked points show their rows."""

import pandas as pd
import streamlit as st
from choosers import choosing, kept, one_of, one_setting, row, some_of
from columns_shown import LEADERBOARD, REFERENCE, as_shown
from parts import board_or_stop, heading, nothing_matches, show_chart, show_table

from benchmark.display import explanations
from benchmark.display.charts import AMOUNTS, PICKED, trade_off
from benchmark.display.reading import reference_runs
from benchmark.display.rows import row_names
from benchmark.display.texts import REFERENCES
from benchmark.display.traits import TRAITS

FILTERS = {**TRAITS, "modules": "K", "method": "Method"}
COSTS = {"memory": "memory_ratio", "time": "time_ratio", "FLOPs": "train_tflops", "epochs": "epochs"}
ALWAYS = ("memory_ratio", "time_ratio")  # offered even where nothing was measured
SHOWN = ("rank", "label", "modules", "test_top1_pct", "test_top1_half_pct", "n_ok", "best", "vs_e2ebp_pct")
SHOWN += ("vs_e2ebp_half_pct", "epochs", "equal_epochs_pct", "equal_epochs_half_pct", "equal_flops_pct")
SHOWN += ("equal_flops_half_pct", "memory_ratio", "time_ratio", "flops_ratio", "auxiliary_parameters", "status")
SHOWN += ("cuts", "paper", "code")


def main() -> None:
    """The page."""
    heading("Trade-offs", explanations.LEADS["trade-offs"])
    board = board_or_stop()
    with row():
        setting = one_setting(board)
        measured = [name for name, field in COSTS.items() if field in ALWAYS or setting[field].notna().any()]
        cost = COSTS[one_of("Cost", measured, "cost", 130)]
        rows = kept(setting, FILTERS, 165)
    if rows[["test_top1_pct", cost]].dropna().empty:
        nothing_matches("measured row")
        return
    references = setting[setting["method"].isin(REFERENCES)]
    curve = reference_runs(board, setting) if cost in AMOUNTS else setting[:0]
    chart = trade_off(rows, references, cost, curve.assign(times=curve["times"].astype(float)))
    show_chart(chart, key="points", on_select=pick, selection_mode="picked")
    st.caption(
        f"{explanations.TRADE_OFFS} Hover over a point for its name; click points (with Shift, several) to see their "
        "rows."
    )
    if len(curve):
        st.header("The reference curve", anchor=False)
        st.caption(explanations.REFERENCE_CURVE)
        show_table(curve, REFERENCE, "Reference curve")
    show_picked(pd.concat([rows, references]).drop_duplicates(list(PICKED)))


def pick() -> None:
    """Carry the chart's selection over to the chooser below it."""
    picked = pd.DataFrame(st.session_state["points"].selection.get("picked", []))
    st.session_state["picked"] = list(dict.fromkeys(row_names(picked))) if len(picked) else []
    choosing("picked")


def show_picked(rows: pd.DataFrame) -> None:
    """The rows of the picked points."""
    names = row_names(rows)
    with row("-picked"):
        chosen = some_of("Picked row", sorted(set(names)), "picked", 700, placeholder="click points, or choose")
    if chosen:
        picked = rows[names.isin(chosen)]
        columns = {name: LEADERBOARD[name] for name in SHOWN}
        show_table(as_shown(picked), columns, f"Picked rows, {len(picked)}")


main()
