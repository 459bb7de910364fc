"""Where a reader objects to a row of the results that are shown."""

from collections.abc import Iterable

import streamlit as st
from escaping import plain
from reading import edition

from benchmark.display import objecting


@st.cache_data(ttl=60, max_entries=1, show_spinner=False)
def _tracker() -> objecting.Tracker | None:
    return objecting.here()


def objection_addresses(records: Iterable[str]) -> list[str | None]:
    """The addresses of issues about records, or all records of rows; none where the repository has no tracker."""
    to, results = _tracker(), edition().short
    return [objecting.objection(to, path, results) if to else None for path in records]


def how_to_object() -> str:
    """In a sentence, escaped: by the links, or where there are none by mail."""
    return plain(objecting.BY_LINK if _tracker() else objecting.HOW)
