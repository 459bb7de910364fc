"""Pieces that several pages are made of: headings, tables, downloads, and what to say when there is nothing."""

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import pandas as pd
import streamlit as st
from escaping import plain
from markupsafe import Markup
from reading import board, edition

from benchmark.display.download import csv_for_spreadsheets
from benchmark.display.explanations import with_code
from benchmark.display.glossary import definitions
from benchmark.display.sorting import aligned
from benchmark.schema.text import said

# Past a table in one step of the keyboard: in it, the same key goes from cell to cell.
SKIP = Markup('<a class="bb-skip" href="#{}">Skip this table</a>')
END = Markup('<span class="bb-skipped" id="{}" tabindex="-1"></span>')
NO_CELLS = "The results have no tables of cells: run `beyond table`."
NOTHING = "There are no results yet. `beyond run digits` trains the smallest suite and writes them."


def board_or_stop() -> pd.DataFrame:
    """The leaderboard; if there is none, the page says so and ends."""
    try:
        found = board()
    except (KeyError, ValueError) as error:
        st.error(f"leaderboard.csv is of another version, or damaged: {plain(said(error))}. Run `beyond table`.")
        st.stop()
    if found.empty:
        st.info(NOTHING)
        st.stop()
    return found


def heading(title: str, lead: str) -> None:
    """Title and one sentence, with code between backticks; both are ours, never a plugin's."""
    st.title(title, anchor=False)
    said = lead if isinstance(lead, Markup) else with_code(lead)
    st.html(f'<p class="bb-lead">{said}</p>')


def footer() -> None:
    """What stands below every page: of which results it is."""
    st.caption(f"Showing {plain(edition())}. [What changed](changes)")


def nothing_matches(what: str = "row") -> None:
    """The sentence in place of a table or chart without content."""
    st.warning(f"No {what} matches these filters. Clear one of them to see more.")


def show_table(
    rows: pd.DataFrame, columns: Mapping[str, Any], alt: str, most: int = 25, always: Sequence[str] = (), **more: Any
) -> Any:
    """A table of the columns that say anything, and of those that are ``always`` shown; of many rows it scrolls."""
    kept = [name for name in columns if name in always or (name in rows and _says_anything(rows[name]))]
    ranks = {name: aligned(rows[name].fillna("")) for name in kept if _are_ranks(name, rows)}
    height = "content" if len(rows) <= most else 35 * (most + 1) + 3
    end = f"after-{crc32(alt.encode()):x}"
    st.html(SKIP.format(end))
    shown = st.dataframe(
        rows[kept].assign(**ranks),  # nothing else goes to the browser
        hide_index=True,
        column_config={name: columns[name] for name in kept},
        height=height,
        placeholder="–",
        alt=alt,
        **more,
    )
    st.html(END.format(end))
    explain({name: columns[name] for name in kept})
    return shown


def show_chart(chart: Any, **more: Any) -> None:
    """A chart whose plot is as high as it says, its legend beside that.

    Streamlit would take a legend of many lines out of the plot, which on a phone leaves none.
    """
    fitted = chart.properties(autosize={"type": "fit-x", "contains": "padding"})
    st.altair_chart(fitted, width="stretch", **more)


def explain(columns: Mapping[str, Any]) -> None:
    """The meanings of headings, for fingers and keys: the table shows them to a mouse alone."""
    meanings = [(look["label"].strip(), look["help"]) for look in columns.values() if look.get("help")]
    if meanings:
        with st.popover("What the headings mean", type="tertiary"):
            st.html(definitions(dict(meanings).items()))


def _are_ranks(name: str, rows: pd.DataFrame) -> bool:
    return name.startswith("rank") and not pd.api.types.is_numeric_dtype(rows[name])


def _says_anything(values: pd.Series) -> bool:
    said = values.dropna()
    return bool((said != "").any()) if isinstance(said.dtype, pd.StringDtype | pd.CategoricalDtype) else len(said) > 0


def download(rows: pd.DataFrame, name: str, label: str = "") -> None:
    """A button for the CSV of these rows, with all these columns."""
    st.download_button(
        label or f"CSV, {len(rows)} row{'' if len(rows) == 1 else 's'}",
        lambda: csv_for_spreadsheets(rows),  # written when the reader asks for it
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
