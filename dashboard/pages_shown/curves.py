"""Training and validation curves of picked runs, from their records."""

from typing import Any

import pandas as pd
import streamlit as st
from choosers import kept, one_setting, row, some_of
from parts import NO_CELLS, board_or_stop, heading, nothing_matches, show_chart
from reading import cells, record

from benchmark.display import explanations
from benchmark.display.charts import learning_curves
from benchmark.display.reading import without_references
from benchmark.display.rows import row_names
from benchmark.display.traits import TRAITS
from benchmark.schema.suite import TWIN
from benchmark.tables.columns import REFERENCE

RUNS, EPOCHS = 8, 120  # at most so many runs at a time, and points a line
ACCURACY = "Validation accuracy, %"


def main() -> None:
    """The page."""
    heading("Curves", explanations.LEADS["curves"] + " Of picked runs, the training loss of every module, too.")
    board, everything = board_or_stop(), cells()
    if everything.empty:
        st.info(NO_CELLS)
        return
    with row():
        setting = one_setting(board)
        where = ["suite", "backbone", "recipe"]
        everything = without_references(everything)
        of_setting = everything[(everything[where] == setting[where].iloc[0]).all(axis=1)]
        twin = setting["method"] == TWIN
        setting = pd.concat([setting[twin], kept(setting[~twin], TRAITS, 165)])
        of_setting = of_setting[of_setting["method"].isin(setting["method"])]
        names = row_names(of_setting)
        chosen = some_of("Row", sorted(names.unique()), "row", 420, RUNS, "end to end, and the two most accurate")
        seeds = some_of("Seed", sorted(of_setting["seed"].unique()), "seed", 170, placeholder="the first")
    first = seeds or [of_setting["seed"].min()]
    wanted = chosen or usual(setting)
    picked = of_setting.assign(row=names, run=names + ", seed " + of_setting["seed"].astype(str))
    picked = picked[picked["row"].isin(wanted) & picked["seed"].isin(first)]
    show(picked.sort_values("row", key=lambda row: row.map(wanted.index), kind="stable"))


def usual(setting: pd.DataFrame) -> list[str]:
    """The end-to-end twin and the most accurate rows without it."""
    setting = setting[setting["kind"] == ""]
    local = setting[(setting["family"] != REFERENCE) & (setting["modules"] > 1)]
    best = local.sort_values("test_top1_pct", ascending=False).drop_duplicates("method").iloc[:2]
    return list(row_names(pd.concat([setting[setting["method"] == TWIN], best])))


def show(picked: pd.DataFrame) -> None:
    """Both charts of at most ``RUNS`` cells."""
    if len(picked) > RUNS:
        st.info(f"These are {len(picked)} runs; the first {RUNS} are shown.")
    picked = picked.iloc[:RUNS]
    points = [
        p for run, name in zip(picked["run"], picked["record"], strict=True) for p in points_of(run, record(name))
    ]
    if not points:
        nothing_matches("run with a curve")
        return
    long = pd.DataFrame(points).dropna(subset=["value"])
    accuracy = long["measure"] == ACCURACY
    st.header("Validation accuracy", anchor=False)
    show_chart(learning_curves(long[accuracy]))
    st.header("Training loss", anchor=False)
    show_chart(learning_curves(long[~accuracy]))
    st.caption(
        "One colour a run; the second chart has a line for every loss that the method yields, mostly one a module: the "
        "first is solid, the others are dashed. Losses of different methods are different objectives: compare their "
        "shapes, not their heights. Epochs count through all phases; a thin dashed line marks where a phase begins "
        "(strictly modular methods train one module after the other, so accuracy exists in the last phase only)."
    )


def points_of(run: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of run, phase, epoch, measure and value; of a long curve, evenly spaced epochs."""
    curve = (found.get("accuracy") or {}).get("curve", [])
    stride = -(-len(curve) // EPOCHS) or 1
    rows = []
    for epoch, at in enumerate(curve, start=1):
        if (len(curve) - epoch) % stride == 0:
            where = {"run": run, "phase": at["phase"], "epoch": epoch}
            rows.append(where | {"measure": ACCURACY, "value": at["validation_top1"]})
            rows += [where | {"measure": f"loss {i}", "value": loss} for i, loss in enumerate(at["losses"], start=1)]
    return rows


main()
