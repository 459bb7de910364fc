"""What the papers claim, and what the records say of it."""

from collections.abc import Mapping

import streamlit as st
from choosers import kept, row
from escaping import compare_address
from parts import download, heading, nothing_matches
from pictures import rows_address
from reading import claims

from benchmark.display import claims as page
from benchmark.display.explanations import with_code
from benchmark.display.rows import query_of


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
    st.html(page.claims_list(page.Said(shown, said.cases), beside_each_other, rows_address))
    download(shown, "claims")


def beside_each_other(rows: Mapping[str, str]) -> str:
    """Where this dashboard sets two rows side by side."""
    return compare_address(query_of(rows))


main()
