"""Choosers, and the address of the page, which says all that they say.

Defaults stand in it too, so that a link opens the same view when results have grown; Streamlit's own binding leaves
them out. The choosers are select boxes: their options are plain text, and the address holds the names as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st
from escaping import plain

from benchmark.display.reading import recipes_of, without_references
from benchmark.tables.blocks import suites_in_order


@contextmanager
def row(name: str = "") -> Iterator[None]:
    """A row for choosers that wraps where the page is narrow; below it stands what the address names in vain.

    The first row of a page has no name. The style sheet knows it by its key.
    """
    state = st.session_state
    if not name:
        pending = state.get("choosing")  # of a chooser that may be on the page that was left
        state["reader_chose"] = pending == "" or (pending is not None and pending in state)
    state["address"], state["vain"] = {}, []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=f"choosers{name}"):
        yield
    if any(st.query_params.get_all(key) != texts for key, texts in state["address"].items()):
        st.query_params.update(state["address"])  # at once: every change is a step of the browser's history
    if state.get("choosing") in ("", *state["address"]):
        del state["choosing"]  # not before: a run that is cut short by the next one has not written the choice yet
    for sentence in state["vain"]:
        st.warning(plain(sentence))


def choosing(key: str = "") -> None:
    """To be called when the reader chooses (by the chooser of ``key``): choosers then hold good, else the address does.

    An address that was opened, or gone back to, has to reach the choosers; a choice has to reach the address. The two
    cannot be told apart by their values: the browser may still send the address of before the choice.
    """
    st.session_state["choosing"] = key


def cell(width: int) -> Any:
    """A place in a row."""
    return st.container(width=width)


def one_of(label: str, options: Sequence[Any], key: str, width: int = 200) -> Any:
    """What is chosen of the options: the first one until the reader or the address says otherwise."""
    wanted, vain = _wanted(label, options, key)
    _choose(key, (wanted or list(options))[0])
    with cell(width):
        chosen = st.selectbox(label, options, key=key, on_change=choosing, args=(key,))
    st.session_state["address"][key] = vain or [str(chosen)]
    return chosen


def some_of(
    label: str, options: Sequence[Any], key: str, width: int = 200, most: int | None = None, placeholder: str = "all"
) -> list[Any]:
    """What is chosen of the options; ``placeholder`` says what nothing stands for."""
    wanted, vain = _wanted(label, options, key)
    _choose(key, wanted[:most])
    with st.container(width=width, key=f"wide-{key}") if width > 300 else cell(width):
        chosen = st.multiselect(
            label, options, placeholder=placeholder, key=key, max_selections=most, on_change=choosing, args=(key,)
        )
    st.session_state["address"][key] = [*map(str, chosen), *vain]
    return chosen


def switch(label: str, key: str) -> bool:
    """Whether it is on: off until the reader or the address says otherwise."""
    if not st.session_state["reader_chose"]:
        _choose(key, st.query_params.get(key) == "true")
    on = st.toggle(label, key=key, on_change=choosing, args=(key,))
    st.session_state["address"][key] = ["true"] if on else []
    return on


def _wanted(label: str, options: Sequence[Any], key: str) -> tuple[list[Any], list[str]]:
    """The options that the reader has chosen, or that the address names; and what it names that is no option."""
    if st.session_state["reader_chose"]:
        held = st.session_state.get(key)
        return [value for value in (held if isinstance(held, list) else [held]) if value in options], []
    known = {str(option): option for option in options}
    asked = list(dict.fromkeys(st.query_params.get_all(key)))
    vain = [text for text in asked if text not in known]
    what = label if label.isupper() else label[0].lower() + label[1:]
    st.session_state["vain"] += [f"The address names the {what} {text}, which is not here." for text in vain]
    return [known[text] for text in asked if text in known], vain


def _choose(key: str, value: Any) -> None:
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def one_setting(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one suite, backbone and recipe, as chosen, without references: others are not to be compared."""
    rows = without_references(rows)
    rows = rows[rows["suite"] == one_of("Suite", suites_of(rows), "suite")]
    return one_recipe(rows[rows["backbone"] == one_of("Backbone", list(rows["backbone"].unique()), "backbone")])


def one_recipe(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one recipe, as chosen: of that which leads, until the reader says otherwise."""
    options = recipes_of(rows)
    return rows[rows["recipe"] == one_of("Recipe", options, "recipe", 120)] if len(options) > 1 else rows


def suites_of(rows: pd.DataFrame) -> list[str]:
    """Suites, the comparison that most methods were run in first, and smoke tests last."""
    return suites_in_order(rows)


def kept(rows: pd.DataFrame, filters: Mapping[str, str], width: int = 200) -> pd.DataFrame:
    """The rows that the reader asks for: a chooser for each column, by its label; an empty one lets all through."""
    mask = pd.Series(True, index=rows.index)
    for name, label in filters.items():
        options = sorted(rows[name].unique())
        mask &= rows[name].isin(some_of(label, options, name, width) or options)
    return rows[mask]
