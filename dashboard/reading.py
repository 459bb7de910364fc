"""Read what stands in the results folder: tables only, never a plugin, never torch.

Whatever stands there may come from a stranger's plugin: addresses that are not http(s) are dropped, and text
is escaped (:func:`plain`) wherever Streamlit would take it for Markdown.
"""

import os
import re
from pathlib import Path

import pandas as pd
import streamlit as st

from benchmark.tables import COLUMNS, CURVE

TEXT = [name for name, column in COLUMNS.items() if column.decimals is None]


def results_folder() -> Path:
    """The folder to show: ``BEYOND_RESULTS``, or ``results``."""
    return Path(os.environ.get("BEYOND_RESULTS", "results"))


def read_table(path: Path) -> pd.DataFrame | None:
    """A CSV file, read again only when it changed; none if it is missing or empty."""
    if not path.is_file():
        return None
    table = _read(str(path), path.stat().st_mtime_ns)
    return None if table.empty else table.copy()


@st.cache_data(max_entries=8, show_spinner=False)
def _read(path: str, mtime_ns: int) -> pd.DataFrame:
    return pd.read_csv(path)


def read_board(results: Path) -> pd.DataFrame | None:
    """The leaderboard with a name for each row and its learning curve; none if there is none.

    Raises:
        KeyError: the file lacks a column.
    """
    board = read_table(results / "leaderboard.csv")
    if board is None:
        return None
    board = board[list(COLUMNS)]
    board[TEXT] = board[TEXT].astype(object).fillna("").astype(str)
    board["paper"] = board["paper"].map(web_address)
    board["name"] = [
        f"{title} · {variant}" if variant else title for title, variant in board[["title", "variant"]].values
    ]
    return board.merge(_read_curves(results), how="left", on=CURVE)


def _read_curves(results: Path) -> pd.DataFrame:
    curves = read_table(results / "curves.csv")
    if curves is None:
        return pd.DataFrame(columns=[*CURVE, "curve"])
    curves["variant"] = curves["variant"].astype(object).fillna("").astype(str)
    return curves.groupby(CURVE)["validation_top1"].agg(list).rename("curve").reset_index()


def web_address(text: object) -> str | None:
    """The text if it is an http(s) address, else nothing: no ``javascript:``, no ``data:``."""
    address = str(text).strip()
    return address if re.fullmatch(r"https?://[^\s/]\S*", address, re.IGNORECASE) else None


def plain(text: object) -> str:
    """The text with Markdown's characters escaped, so that it is shown as it stands."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~$:<>&])", r"\\\1", str(text))
