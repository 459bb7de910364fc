"""The traits that tell methods apart: family, branch, locks removed, and what labels the hidden modules need.

The branch is of :mod:`benchmark.display.branches`. The last one follows from what training used: the classifier needs
full labels anyway, so the least of the kinds is that of the hidden modules, and modules that a method leaves as they
are need none.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.display.branches import branch_of

TRAITS = {  # and labels
    "family": "Family",
    "branch": "Learning signal",
    "locks": "Locks removed",
    "hidden_labels": "Labels of hidden modules",
}
LABELS = {  # of hidden modules, in words; the least first
    "none": "no labels",
    "pairs": "only whether two pictures share a class",
    "full": "the class of every picture",
}
NO_LOCKS = "none"
UNKNOWN = "not known yet"  # of a method that nobody has run


def with_traits(board: pd.DataFrame, results: Path) -> pd.DataFrame:
    """The rows with the columns ``branch``, ``locks`` and ``hidden_labels``; ``family`` they have.

    Args:
        board: rows of the leaderboard; one that failed before it used a label has those of its method's other rows.
        results: the folder, where methods say which modules they leave as they are.
    """
    found = board["labels"].map(_least)
    found = found.where(found != "", board["method"].map(found[found != ""].groupby(board["method"]).first()))
    found = found.fillna(UNKNOWN).mask(board["method"].isin(set(_leaving(results))), "none")
    branches = board["method"].map(branch_of)
    return board.assign(branch=branches, locks=locks(board["removes"]), hidden_labels=found)


def locks(removes: pd.Series) -> pd.Series:
    """``update, backward``, or none."""
    return removes.where(removes != "", NO_LOCKS)


def with_traits_of_methods(rows: pd.DataFrame, board: pd.DataFrame, by: str = "method") -> pd.DataFrame:
    """Rows of another table with their methods' traits, as the board has them; unknown where it has none.

    Args:
        by: the column with the method's id.
    """
    first = board.reindex(columns=["method", *TRAITS]).drop_duplicates("method").set_index("method")
    return rows.assign(**{trait: rows[by].map(first[trait]).fillna(UNKNOWN) for trait in TRAITS})


def _least(said: str) -> str:
    """Of ``1213 full, 1213 pairs``: pairs. Empty if it says none of the kinds."""
    return next((kind for kind in LABELS if re.search(rf"\b{kind}\b", said)), "")


def _leaving(results: Path) -> Iterator[str]:
    """Ids of the methods that never move their hidden modules."""
    for path in sorted(results.glob("methods/*.json")):
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if "hidden" in said.get("leaves", ()):
            yield path.stem
