"""The leaderboard: one suite and backbone, or the ranks over all suites."""

from typing import Any

import pandas as pd
import streamlit as st
from choosers import cell, kept, one_of, one_recipe, row, suites_of
from columns_shown import BEST, CUTS, FAMILY, LEADERBOARD, PLANNED, RANK, TUNING, as_shown, column, text
from escaping import method_address, plain
from parts import board_or_stop, download, nothing_matches, show_table
from pictures import show_gap, show_lead
from reading import plans, ranks, recipe_of, suite_title, tuning
from taking import take_away

from benchmark.display import explanations
from benchmark.display.headline import headline
from benchmark.display.reading import without_references
from benchmark.display.sorting import ORDERS, in_order
from benchmark.display.texts import OVERALL_RANKS, RECIPES, SMOKE_TESTS
from benchmark.display.traits import TRAITS
from benchmark.display.trusted import trusted
from benchmark.tables.columns import SMOKE_TEST
from benchmark.tables.ranking import OTHER, OVERALL

FILTERS = {**TRAITS, "modules": "K", "method": "Method"}


def main() -> None:
    """The page."""
    st.title("Beyond Backprop", anchor=False)
    board = board_or_stop()
    lead_place = st.container()
    with row():
        suite_place, backbone_place = cell(200), cell(200)
        board = without_references(board)
        with suite_place:
            said = ranks()
            everywhere = [OVERALL] if len(said) > 0 and (said["suite"] == OVERALL).any() else []
            suite = one_of("Suite", [*suites_of(board), *everywhere], "suite")
        if suite == OVERALL:
            setting = board
        else:
            setting = board[board["suite"] == suite]
            with backbone_place:
                backbone = one_of("Backbone", list(setting["backbone"].unique()), "backbone")
            setting = one_recipe(setting[setting["backbone"] == backbone])
        rows = kept(setting, FILTERS if suite != OVERALL else {**TRAITS, "method": "Method"}, 165)
        if suite != OVERALL:
            rows = in_order(rows, one_of("Order", list(ORDERS), "sort", 160))
    with lead_place:
        show_lead(suites_of(board)[0] if suite == OVERALL else suite, board)
        if suite != OVERALL and (said := headline(setting)):
            st.html(said)
    show_gap(board, asked_for(board))
    if suite == OVERALL:
        show_overall(rows)
    else:
        show_setting(setting, rows)
    show_plans(suite)


def asked_for(board: pd.DataFrame) -> pd.DataFrame:
    """The rows of all suites whose traits and methods the choosers let through."""
    for name in (*TRAITS, "method"):
        if chosen := st.session_state.get(name):
            board = board[board[name].isin(chosen)]
    return board


def show_setting(setting: pd.DataFrame, rows: pd.DataFrame) -> None:
    """The table of the filtered rows of a suite and backbone: a block a method, its K inside."""
    if rows.empty:
        nothing_matches()
        return
    shown = as_shown(rows).assign(unranked=why_unranked(rows))
    show_table(shown, LEADERBOARD, f"Leaderboard, {len(rows)} rows")
    take_away(rows, f"leaderboard-{plain_name(setting)}")
    st.caption(caption(setting, rows))
    with st.expander("How to read the numbers"):
        st.markdown("\n".join(f"- **{word}** {says}" for word, says in explanations.HOW_TO_READ.items()))
    cuts = rows[rows["cuts"] != ""].drop_duplicates(list(CUTS)).sort_values(list(CUTS))
    if len(cuts):
        with st.expander("Where the networks were cut"):
            show_table(cuts, CUTS, "Cut points")
    show_tuning(setting)


def show_tuning(setting: pd.DataFrame) -> None:
    """What tuning changed, of the methods of the setting that were tuned."""
    changed = tuning()
    where = ["suite", "backbone"]
    changed = changed[(changed[where] == setting[where].iloc[0]).all(axis=1)] if len(changed) else changed
    if len(changed):
        with st.expander("What tuning changed"):
            changed = changed.sort_values("difference_pct", ascending=False, kind="stable")
            columns = {name: look for name, look in TUNING.items() if name not in where}
            show_table(
                changed, columns, f"What tuning changed, {len(changed)} rows", always=("shared_pct", "tuned_pct")
            )
            st.caption(explanations.TUNING)


def why_unranked(rows: pd.DataFrame) -> pd.Series:
    """What keeps a row's method from a rank in its suite; empty where it has one."""
    said = ranks().reindex(columns=["suite", "method", "missing"])
    why = said[said["suite"].isin(rows["suite"])].set_index("method")["missing"]
    why = rows["method"].map(why).fillna("").mask(rows["leads"] != "yes", "ranks are of another recipe")
    return why.mask(rows["kind"] != "", OTHER).where(rows["rank"] == "", "")


def plain_name(setting: pd.DataFrame) -> str:
    """``digits-cifar_resnet8``, for a file's name."""
    said = "-".join(setting[["suite", "backbone"]].iloc[0])
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in said)


def caption(setting: pd.DataFrame, rows: pd.DataFrame) -> str:
    """What the table's numbers rest on, and what its signs mean."""
    data = ", ".join(sorted(set(rows["source"]) - {""}) or sorted(set(rows["dataset"])))
    title = suite_title(setting["suite"].iloc[0])
    seeds = sorted({int(n) for n in setting["n_total"]})
    smoke = SMOKE_TESTS + " " if (setting["role"] == SMOKE_TEST).any() else ""
    if seeds == [1]:
        n = "One seed per row: there are no intervals, and no row can be told from the best."
    else:
        span = seeds[0] if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        n = f"Means over the seeds that finished, of {span} per row; ± is half of the 95 % t interval. " + (
            "" if smoke else f"{BEST['best']}: highest mean. {BEST['not distinguishable']}: not told from it."
        )
    return smoke + plain(
        f"{trusted(rows)} {title}. {RECIPES.get(setting['recipe'].iloc[0], '')} Pictures: {data}. {n} Accuracy is that "
        "of the last epoch, and the test split was touched once. Memory is simulated tensor bytes, not GPU memory. "
        f"{recipe_of(*setting[['suite', 'recipe']].iloc[0])}"
    )


def show_overall(rows: pd.DataFrame) -> None:
    """Borda's count over all suites, with each suite's ranks, and what keeps the others from a rank."""
    said = ranks()
    said = said[said["method"].isin(rows["method"])] if len(said) else said
    if said.empty:
        nothing_matches()
        return
    overall = said[said["suite"] == OVERALL].sort_values(["rank_low", "rank_high", "method"])
    ranked = said[(said["rank"] != "") & (said["suite"] != OVERALL)]
    suites = list(ranked["suite"].unique())
    of_suite = ranked.pivot(index="method", columns="suite", values="rank")
    shown = overall.assign(
        family_chip=[[family] for family in overall["family"]],
        code=[method_address(method) for method in overall["method"]],
        **{f"rank in {suite}": overall["method"].map(of_suite[suite]) for suite in suites},
    )
    show_table(
        shown, overall_columns(suites), f"Overall ranks, {len(overall)} methods", most=35, always=("rank", "score")
    )
    seen = ["method", "family", "score", "rank", "of", *(f"rank in {suite}" for suite in suites), "missing"]
    download(shown[seen], "overall")
    st.caption(
        f"{OVERALL_RANKS} A method that is not ranked in all of them has no overall rank, rather than a favourable "
        "one: *No rank because* says what is missing."
    )


def overall_columns(suites: list[str]) -> dict[str, Any]:
    """The columns of the overall table."""
    return {
        "rank": RANK,
        "method": text("method", "Method", 165, pinned=True),
        "family_chip": FAMILY,
        "score": column.NumberColumn("Borda", format="%.1f", width=75, help="methods beaten, summed over suites"),
        **{f"rank in {suite}": column.TextColumn(suite, width=120) for suite in suites},
        "missing": text("", "No rank because", 280),
        "code": LEADERBOARD["code"],
    }


def show_plans(suite: str) -> None:
    """Rows of suites that nobody has run: predicted memory only, never among the results."""
    planned = plans()
    if planned.empty:
        return
    here = planned[planned["suite"] == suite]
    st.header("Planned, not run", anchor=False)
    st.caption(explanations.PLANNED)
    show_table(planned if here.empty else here, PLANNED, f"Planned rows, {len(planned)}", most=12)


main()
