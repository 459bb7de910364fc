"""The papers' own figures beside ours in the same setting."""

import streamlit as st
from choosers import kept, row, switch
from columns_shown import REPRODUCTIONS, reproductions_shown
from parts import download, heading, nothing_matches, show_table
from reading import with_traits

from benchmark.display import explanations
from benchmark.display.reading import judged_first
from benchmark.display.traits import TRAITS
from benchmark.tables.reproduced import RULE, summary

FILTERS = {"dataset": "Data set", "backbone": "Backbone", "method": "Method", "metric": "Figure", "verdict": "Verdict"}
FILTERS |= TRAITS


def main() -> None:
    """The page."""
    heading("Published against measured", explanations.LEADS["published"])
    figures = reproductions_shown()
    if figures.empty:
        st.info("There are no published figures yet. `beyond table` sets those of published.csv beside the results.")
        return
    st.markdown(f"**{summary(figures)}** {RULE}")
    run_here = figures["ours"].notna()
    with row():
        rows = kept(judged_first(with_traits(figures, "our_method")), FILTERS, 165)
        if switch("Only settings run here", "run_here"):
            rows = rows[rows["ours"].notna()]
    if rows.empty:
        nothing_matches("published figure")
        return
    show_table(rows, REPRODUCTIONS, "Published figures beside ours", most=16, always=("ours", "difference"))
    download(rows, "published")
    st.caption(
        f"{int(run_here.sum())} of {len(figures)} published figures stand beside a run of the same data set, backbone, "
        f"K and method. {explanations.PUBLISHED}"
    )


main()
