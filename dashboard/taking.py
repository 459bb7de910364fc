"""What the leaderboard gives away: its rows as files, as LaTeX and Markdown, and how to cite them."""

import pandas as pd
import streamlit as st
from parts import download
from reading import edition

from benchmark.display.copying import FORMS, copied
from benchmark.display.download import parquet
from benchmark.display.edition import HOW_TO_CITE, bibtex_of_benchmark
from benchmark.tables.columns import COLUMNS, dictionary


def take_away(rows: pd.DataFrame, name: str) -> None:
    """A row of files and languages, and below it the table in the language that the reader chose."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        download(rows[list(COLUMNS)], name)
        st.download_button(
            "Parquet",
            lambda: parquet(rows[list(COLUMNS)]),
            file_name=f"{name}.parquet",
            mime="application/vnd.apache.parquet",
            icon=":material/download:",
            on_click="ignore",
        )
        download(dictionary(), "leaderboard-columns", "What the columns mean")
        chosen = st.segmented_control("Copy as", list(FORMS), key="copied", label_visibility="collapsed")
    if chosen:
        st.code(copied(rows, FORMS[chosen], edition()), language=None, wrap_lines=True)
    with st.expander("How to cite"):
        st.markdown(f"{HOW_TO_CITE} A method’s page has its citation.")
        st.code(bibtex_of_benchmark(edition()), language=None, wrap_lines=True)
