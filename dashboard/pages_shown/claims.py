"""What the papers claim, and what the records say of it."""

from collections.abc import Mapping

import streamlit as st
from choosers import kept, row
from parts import download, heading, nothing_matches
from reading import claims

from benchmark.display import claims as page
from benchmark.display.explanations import with_code


def main() -> None:
    """The page."""
    heading(page.TITLE, page.LEAD)
    said = claims()
    if said.claims.empty:
        st.info(page.MISSING)
        return
    st.markdown(f"**{page.summary(said.claims)}**")
    with st.expander("How a verdict comes about"):
        st.markdown(page.HOW)
        st.html(f"<p>{with_code(page.ADD)}</p>")
    with row():
        shown = kept(said.claims, page.FILTERS, 240)
    if shown.empty:
        nothing_matches("claim")
        return
    st.html(page.claims_list(page.Said(shown, said.cases), compare_address, rows_address))
    download(shown, "claims")


def compare_address(query: Mapping[str, str]) -> str:
    """Where this dashboard sets two rows side by side."""
    return f"compare?{page.query_of(query)}"


def rows_address(query: Mapping[str, str]) -> str:
    """The leaderboard's rows, relative to any page of the dashboard."""
    return f"./?{page.query_of(query)}"


main()
