"""What modular training is said to give beside accuracy: each examination's charts and table."""

from typing import Any

import streamlit as st
from choosers import kept, one_of, row
from escaping import plain
from parts import download, heading, nothing_matches, show_chart, show_table
from reading import tracks, with_traits

from benchmark.display import tracks as said
from benchmark.display.explanations import with_code
from benchmark.display.traits import TRAITS

FILTERS = TRAITS | {"suite": "Suite", "method": "Method", "variant": "Variant"}


def main() -> None:
    """The page."""
    heading("Tracks", said.LEAD)
    found = tracks()
    if not found:
        st.info(said.NOTHING)
        return
    with row():
        track = found[one_of("Track", list(found), "track", 200)]
        rows = kept(with_traits(track.table), FILTERS, 180)[list(track.table)]
    st.header(track.title, anchor=False)
    for text in (track.lead, *track.notes):
        st.html(f"<p>{with_code(text)}</p>")
    if rows.empty:
        nothing_matches()
        return
    for title, pictures in track._replace(table=rows).sections():
        st.subheader(plain(title), anchor=False)
        for left in range(0, len(pictures), 2):
            for place, picture in zip(st.columns(2), pictures[left : left + 2], strict=False):
                with place:
                    st.caption(plain(picture.says))
                    show_chart(picture.chart)
    show_table(rows, {name: _column(track, name) for name in track.headings}, track.title)
    download(rows, track.name)


def _column(track: Any, name: str) -> Any:
    """The heading and meaning that the examination gives a column, its numbers as the other front end writes them."""
    label, meaning = track.headings[name]
    shown = said.decimals(name, track.table[name]) if name in track.table else None
    if shown is None:
        return st.column_config.TextColumn(label, help=meaning)
    return st.column_config.NumberColumn(label, help=meaning, format=f"%.{shown}f")


main()
