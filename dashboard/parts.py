"""Pieces that several pages are made of: choosers bound to the address, tables, and what to say when there is nothing.

The choosers are select boxes: their options are plain text, and the address then holds the names as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from escaping import plain
from reading import board

QUERY = {"bind": "query-params"}  # the address of the page says what was chosen, so a view can be shared
NOTHING = "There are no results yet. `beyond run digits` trains the smallest suite and writes them."


def board_or_stop() -> pd.DataFrame:
    """The leaderboard; if there is none, the page says so and ends."""
    try:
        found = board()
    except KeyError as error:
        st.error(f"leaderboard.csv is of another version: {plain(error.args[0])}. Run `beyond table`.")
        st.stop()
    if found.empty:
        st.info(NOTHING)
        st.stop()
    return found


def heading(title: str, lead: str) -> None:
    """Title and one sentence; both are ours, never a plugin's."""
    st.title(title, anchor=False)
    st.html(f'<p class="bb-lead">{lead}</p>')


def row() -> Any:
    """A row for choosers that wraps where the page is narrow; the style sheet knows it by its key."""
    return st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="choosers")


def cell(width: int) -> Any:
    """A place in a row."""
    return st.container(width=width)


def one_of(label: str, options: Sequence[Any], key: str, width: int = 200) -> Any:
    """What is chosen of the options: the first one until the reader or the address says otherwise."""
    with cell(width):
        return st.selectbox(label, options, key=key, **QUERY)


def some_of(
    label: str, options: Sequence[Any], key: str, width: int = 200, most: int | None = None, placeholder: str = "all"
) -> list[Any]:
    """What is chosen of the options; ``placeholder`` says what nothing stands for."""
    with st.container(width=width, key=f"wide-{key}") if width > 300 else cell(width):
        return st.multiselect(label, options, placeholder=placeholder, key=key, max_selections=most, **QUERY)


def one_setting(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one suite and backbone, as chosen: accuracy means nothing across them."""
    rows = rows[rows["suite"] == one_of("Suite", suites_of(rows), "suite")]
    return rows[rows["backbone"] == one_of("Backbone", list(rows["backbone"].unique()), "backbone")]


def suites_of(rows: pd.DataFrame) -> list[str]:
    """Suites, those with most rows first."""
    return list(rows["suite"].value_counts().index)


def kept(rows: pd.DataFrame, filters: Mapping[str, str], width: int = 200) -> pd.DataFrame:
    """The rows that the reader asks for: a chooser for each column, by its label; an empty one lets all through."""
    mask = pd.Series(True, index=rows.index)
    for name, label in filters.items():
        options = sorted(rows[name].unique())
        mask &= rows[name].isin(some_of(label, options, name, width) or options)
    return rows[mask]


def nothing_matches(what: str = "row") -> None:
    """The sentence in place of a table or chart without content."""
    st.warning(f"No {what} matches these filters. Clear one of them to see more.")


def show_table(
    rows: pd.DataFrame, columns: Mapping[str, Any], alt: str, most: int = 25, always: Sequence[str] = (), **more: Any
) -> Any:
    """A table of the columns that say anything, and of those that are ``always`` shown; of many rows it scrolls."""
    said = [name for name in columns if name in always or (name in rows and _says_anything(rows[name]))]
    height = "content" if len(rows) <= most else 35 * (most + 1) + 3
    return st.dataframe(
        rows[said],  # nothing else goes to the browser
        hide_index=True,
        column_config={name: columns[name] for name in said},
        height=height,
        placeholder="–",
        alt=alt,
        **more,
    )


def _says_anything(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.StringDtype):
        return bool((values.fillna("") != "").any())
    return bool(values.notna().any())


def download(rows: pd.DataFrame, name: str) -> None:
    """A button for the CSV of these rows, with all their columns."""
    st.download_button(
        f"CSV, {len(rows)} row{'' if len(rows) == 1 else 's'}",
        lambda: rows.to_csv(index=False).encode(),  # written when the reader asks for it
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def row_names(rows: pd.DataFrame) -> pd.Series:
    """``infopro softmax, K = 4``: what a row of one suite and backbone is called in a chooser."""
    variant = (" " + rows["variant"]).where(rows["variant"] != "", "")
    return rows["method"] + variant + ", K = " + rows["modules"].astype(int).astype(str)
