"""Which rows of a suite and recipe are compared: its most common pictures and protocol, each backbone's usual stem.

Records outlive a change of a data set's source, of the protocol or of a stem; their rows stay, but have no rank.
Nor has a reference, which was trained for other than the suite's epochs.
"""

from collections import Counter
from typing import Any

import pandas as pd

WORDS = {"dataset": "{}", "source": "{}", "protocol": "protocol {}", "stem": "{} stem"}
SHARED = ["dataset", "source", "protocol"]  # by all backbones of a suite


def other_kind(board: pd.DataFrame) -> pd.Series:
    """What tells a row from those that its suite ranks, such as ``protocol 2``; empty for the latter.

    A cell that failed early knows no source: its row is told apart by the rest alone.
    """
    said = board[list(WORDS)].assign(source=board["source"].fillna(""))
    times = board["times"].dropna()
    other: dict[Any, list[str]] = {index: [] for index in board.index}
    other |= {index: [f"{value:g} × epochs"] for index, value in times.items()}
    for _, rows in said.groupby([board["suite"], board["recipe"]]):
        usual = rows.drop(times.index, errors="ignore")
        common = dict(zip(SHARED, _most_common(usual if len(usual) else rows, SHARED), strict=True))
        _tell(rows, common, other)
        ranked = rows[[not other[index] for index in rows.index]]
        for backbone, same in ranked.groupby(board["backbone"]):
            stem = {"stem": _most_common(same, ["stem"])[0]}
            _tell(rows[board.loc[rows.index, "backbone"] == backbone], stem, other)
    return pd.Series({index: ", ".join(parts) for index, parts in other.items()}, index=board.index, dtype=object)


def _most_common(rows: pd.DataFrame, columns: list[str]) -> tuple[Any, ...]:
    known = rows[rows["source"] != ""] if (rows["source"] != "").any() else rows
    counts = Counter(known[columns].itertuples(index=False, name=None))
    return max(counts.items(), key=lambda item: (item[1], item[0]))[0]


def _tell(rows: pd.DataFrame, common: dict[str, Any], other: dict[Any, list[str]]) -> None:
    """Add to ``other`` the words for what is not as in ``common``."""
    for name, value in common.items():
        for index, own in rows[name].items():
            if own not in ("", value):
                other[index].append(WORDS[name].format(own))
