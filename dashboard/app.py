"""Beyond Backprop's leaderboard. Run it with ``beyond dashboard``; it shows the tables of ``results/``."""

from typing import Any

import pandas as pd
import streamlit as st
from reading import board as read_board
from reading import plain, table
from streamlit.delta_generator import DeltaGenerator
from tables_shown import CLAIMS, CUTS, LEADERBOARD, METRIC_NAMES

from benchmark.display.charts import REFERENCES, accuracy_against_memory
from benchmark.tables.columns import with_interval

QUERY = {"bind": "query-params"}  # the address of the page says the filters, so a view can be shared
STYLE = """<style>
.stMainBlockContainer {max-width: 1320px; padding-top: 2.75rem; padding-bottom: 4rem}
.stMetric label {opacity: .75}
h1 {letter-spacing: -.015em}
</style>"""
LEAD = (
    "Every way to train a deep network without end-to-end backpropagation, side by side on the same "
    "pictures, backbones, budget and seeds."
)
FILTERS = {"family": "Family", "method": "Method", "modules": "K"}
HOW_TO_READ = """
- **Test accuracy** is that of the last epoch, never the best one, and the test split is touched once, after
  training.
- **±** is half of the 95 % t interval over **n** seeds; it is empty for one seed.
- **vs end-to-end** is the mean of the per-seed differences to end-to-end backpropagation on the same
  backbone.
- **Memory** counts simulated tensor bytes at the peak of a training step. It is not GPU memory: allocator
  slack, workspaces and the CUDA context are not in it.
- **Time** is the median ratio of interleaved training steps on one machine; **FLOPs** are those of a
  training step.
- **K** alone is not comparable across papers: *Cut after* names the cut points.
- A cell that failed or diverged stays in the table, counted by its **status**.
"""


def main() -> None:
    """The page."""
    st.set_page_config("Beyond Backprop", page_icon=":material/account_tree:", layout="wide")
    st.html(STYLE)
    st.title("Beyond Backprop", anchor=False)
    st.markdown(LEAD)
    try:
        board = read_board()
    except KeyError as error:
        st.error(f"leaderboard.csv is of another version: {plain(error.args[0])}. Run `beyond table`.")
        return
    if board.empty:
        st.info("There are no results yet. `beyond run digits` trains the smallest suite and writes them.")
        return
    setting = choose_setting(board)
    show_leaderboard(setting, filter_rows(setting))
    show_claims(table("claims.csv"))


def choose_setting(board: pd.DataFrame) -> pd.DataFrame:
    """The rows of one suite and backbone: accuracy means nothing across them."""
    left, right = st.columns([3, 2])
    with left:
        board = _one_of(board, "suite", "Suite")
    with right:
        return _one_of(board, "backbone", "Backbone")


def _one_of(board: pd.DataFrame, name: str, label: str) -> pd.DataFrame:
    options = list(board[name].unique())
    chosen = st.segmented_control(
        label, options, default=options[0], required=True, format_func=plain, key=name, **QUERY
    )
    return board[board[name] == chosen]


def filter_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that the reader asks for; an empty filter lets everything through."""
    kept = pd.Series(True, index=rows.index)
    places = st.columns([3, 5, 2])
    for place, (name, label) in zip(places, FILTERS.items(), strict=True):
        options = sorted(rows[name].unique())
        chosen = place.multiselect(label, options, placeholder="all", key=name, **QUERY)
        kept &= rows[name].isin(chosen or options)
    return rows[kept]


def show_leaderboard(setting: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Key figures of the setting, then chart and table of the filtered rows."""
    show_key_figures(setting)
    if rows.empty:
        st.warning("No row matches these filters. Clear one of them to see more.")
        return
    st.subheader("Accuracy against memory", anchor=False)
    st.altair_chart(accuracy_against_memory(rows, setting[setting["method"].isin(REFERENCES)]), width="stretch")
    st.caption(
        "Up and left is better. Bars are 95 % t intervals, lines join the K of one method, the cross is the "
        "end-to-end twin. Memory is simulated tensor bytes, not GPU memory."
    )
    st.subheader("Leaderboard", anchor=False)
    show_table(rows, LEADERBOARD, f"Leaderboard, {len(rows)} rows")
    st.caption(caption(rows))
    with st.expander("How to read the numbers"):
        st.markdown(HOW_TO_READ)
    cuts = rows[rows["cuts"] != ""].drop_duplicates(list(CUTS)).sort_values(list(CUTS))
    if len(cuts):
        with st.expander("Where the networks were cut"):
            show_table(cuts, CUTS, "Cut points")


def show_key_figures(setting: pd.DataFrame) -> None:
    """Three figures of the whole setting: the twin, the highest mean and the least memory without it.

    A method of K = 1 has no cut to train without: it is left out of the latter two.
    """
    twin = setting[setting["method"] == "e2ebp"]
    local = setting[(setting["family"] != "end-to-end") & (setting["modules"] > 1)]
    local = local.dropna(subset=["test_top1_pct"])
    places = st.columns(3)
    if len(twin):
        figure(places[0], "End-to-end backpropagation", twin.iloc[0], "test_top1_pct", "{:.2f} %")
    if len(local):
        best = local.loc[local["test_top1_pct"].idxmax()]
        figure(places[1], "Highest mean without it", best, "test_top1_pct", "{:.2f} %")
    if local["memory_ratio"].notna().any():
        leanest = local.loc[local["memory_ratio"].idxmin()]
        figure(places[2], "Least memory without it", leanest, "memory_ratio", "{:.2f} ×")


def figure(place: DeltaGenerator, label: str, row: pd.Series, field: str, form: str) -> None:
    """One key figure, and the row that it belongs to."""
    box = place.container(border=True, height="stretch")
    box.metric(label, form.format(row[field]) if pd.notna(row[field]) else "–")
    reached = with_interval(row["test_top1_pct"], row["test_top1_half_pct"])
    box.caption(plain(f"{row['name']}, K = {row['modules']}: {reached} %, n = {row['n_ok']}"))


def caption(rows: pd.DataFrame) -> str:
    """What the table's numbers rest on."""
    seeds = sorted({int(n) for n in rows["n_total"]})
    n = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    data = ", ".join(sorted(set(rows["source"]) - {""}) or sorted(set(rows["dataset"])))
    return plain(
        f"Pictures: {data}. Means over the seeds that finished, of {n} per row; ± is half of the 95 % t "
        "interval. Accuracy is that of the last epoch, and the test split was touched once. "
        "Memory is simulated tensor bytes, not GPU memory. Hover over a heading for its meaning."
    )


def show_table(rows: pd.DataFrame, columns: dict[str, Any], alt: str, most: int = 40) -> None:
    """A table with the columns that say anything, in their order; beyond ``most`` rows it scrolls."""
    said = [name for name in columns if rows[name].notna().any() and not rows[name].isin([""]).all()]
    height = "content" if len(rows) <= most else 35 * (most + 1)
    st.dataframe(
        rows,
        hide_index=True,
        column_order=said,
        column_config=columns,
        height=height,
        placeholder="–",
        alt=alt,
    )


def show_claims(claims: pd.DataFrame) -> None:
    """The papers' own figures beside ours."""
    if claims.empty:
        return
    st.subheader("The papers' figures beside ours", anchor=False)
    claims["metric"] = claims["metric"].map(METRIC_NAMES).fillna(claims["metric"])
    run_here = claims["ours"].notna()
    places = st.columns([2, 3, 3])
    only = places[0].toggle("Only settings run here", value=bool(run_here.any()), key="run_here", **QUERY)
    kept = run_here if only else run_here | True
    for place, (name, label) in zip(places[1:], {"dataset": "Data set", "method": "Method"}.items(), strict=True):
        chosen = place.multiselect(
            label, sorted(claims[name].unique()), placeholder="all", key=f"paper_{name}", **QUERY
        )
        kept &= claims[name].isin(chosen) if chosen else True
    if not kept.any():
        st.warning("No published figure matches these filters. Clear one of them to see more.")
        return
    show_table(claims[kept], CLAIMS, "Published figures beside ours", most=16)
    st.caption(
        f"{int(run_here.sum())} of {len(claims)} published figures stand beside a run of the same data set, "
        "backbone, K and method; the others are empty because nobody has run them here. Recipes may differ: "
        "compare epochs and pictures before reading anything into a difference."
    )


main()
