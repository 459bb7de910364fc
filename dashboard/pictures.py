"""What the first page and the map show above and beside the tables: the lead, the picture of gaps, its addresses."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st
from escaping import in_html, method_address
from reading import gap_columns, methods, reproductions, suites

from benchmark.display import gap
from benchmark.display.lead import EVERY, lead
from benchmark.display.rows import query_of
from benchmark.tables.columns import REFERENCE


def show_lead(suite: str, board: pd.DataFrame) -> None:
    """What the benchmark is, and what was run in a suite."""
    ranked = sum(said["family"] != REFERENCE for said in gap.said_of_methods(board, methods()).values())
    said = in_html(f"{EVERY} {lead(suite, board, reproductions(), suites(), ranked)}")
    st.html(f'<p class="bb-lead">{said} <a href="map#words">What the words mean</a>.</p>')


def show_gap(board: pd.DataFrame, rows: pd.DataFrame) -> None:
    """The picture, of the methods that have rows among those asked for, and of those that nobody has run."""
    columns, said = gap_columns(), gap.said_of_methods(board, methods())
    if len(rows) < len(board):
        said = {name: about for name, about in said.items() if name in set(rows["method"])}
    if not columns or not said:
        return
    st.header(gap.TITLE, anchor=False)
    st.html(gap.labels_legend() + gap.gap_table(columns, said, method_address))
    st.caption(gap.HOW + gap.left_out(columns))


def rows_address(wanted: Mapping[str, str]) -> str:
    """The board's rows of a suite, say, or of some traits, relative to any page of the dashboard."""
    return f"./?{query_of(wanted)}"
