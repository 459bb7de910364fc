"""What the pages share: the tables of results/, read again only when a file changed, and escaping for Markdown."""

import re
from pathlib import Path

import pandas as pd
import streamlit as st

from benchmark.display import reading


def board() -> pd.DataFrame:
    """The leaderboard; empty if there are no results."""
    results = reading.results_folder()
    return _board(str(results), _changed(results / "leaderboard.csv", results / "curves.csv"))


@st.cache_data(max_entries=2, show_spinner=False)
def _board(results: str, changed: tuple[int, ...]) -> pd.DataFrame:
    return reading.read_board(Path(results))


def table(name: str) -> pd.DataFrame:
    """One CSV file of the results folder; empty if it is missing."""
    path = reading.results_folder() / name
    return _table(str(path), _changed(path))


@st.cache_data(max_entries=8, show_spinner=False)
def _table(path: str, changed: tuple[int, ...]) -> pd.DataFrame:
    return reading.read_table(Path(path))


def _changed(*paths: Path) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)


def plain(text: object) -> str:
    """The text with Markdown's characters escaped, so that it is shown as it stands."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~$:<>&])", r"\\\1", str(text))
