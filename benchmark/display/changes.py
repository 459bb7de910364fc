"""What changed in the leaderboard, commit by commit, from the history of its own file.

A row is new, gone, or has moved beyond its interval: its mean differs by more than the wider of its two 95 % intervals
(of before and of after), and one that has no interval moves with any difference.
"""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmark import git
from benchmark.display.reading import clean
from benchmark.display.texts import short_name
from benchmark.tables.columns import with_interval

MOST = 60  # commits that are compared: each is a file to be read
KEY = ["suite", "recipe", "dataset", "source", "backbone", "stem", "method", "variant", "modules", "times", "protocol"]
FORMERLY = {"recipe": "shared"}  # what rows were before a column told them apart
MEAN, HALF = "test_top1_pct", "test_top1_half_pct"
READ = {*KEY, MEAN, HALF}  # a quarter of the columns
LEAST = 0.005  # points: half of the last decimal
LEAD = (
    "What changed in the leaderboard, by the commits that brought it: rows that are new, rows that are gone, and rows "
    "that moved beyond their interval, which is to say by more than the wider of their two 95 % intervals, before and "
    "after; a row of one seed has none, and moves with any difference."
)
SINCE = "`dvc metrics diff COMMIT` compares the rows of any commit with those of today."


class Change(NamedTuple):
    """What a commit changed: new and gone rows, and moved ones with ``before``, ``after`` (texts) and ``difference``.

    All three have the columns ``suite``, ``recipe``, ``name`` and ``modules``.
    """

    commit: git.Commit
    new: pd.DataFrame
    gone: pd.DataFrame
    moved: pd.DataFrame

    def __str__(self) -> str:
        """``12 rows new, 3 moved``."""
        counts = {"new": len(self.new), "gone": len(self.gone), "moved": len(self.moved)}
        said = [f"{n} {what}" for what, n in counts.items() if n]
        return ", ".join([said[0].replace(" ", " row " if said[0].startswith("1 ") else " rows ", 1), *said[1:]])

    @property
    def new_and_gone(self) -> list[str]:
        """A line for the new and for the gone rows of each suite and recipe."""
        parts = {"New": self.new, "Gone": self.gone}
        return [f"{what}: {line}" for what, rows in parts.items() for line in _in_words(rows)]


class History(NamedTuple):
    """The changes, the newest first, and a sentence on what is not known of them; empty where nothing is missing."""

    changes: list[Change]
    missing: str


def read_history(results: Path) -> History:
    """What changed in the leaderboard of a results folder; nothing, and why, where git does not say."""
    try:
        commits = git.history(results / "leaderboard.csv", MOST + 1)
        if not commits:
            return History([], "The results are in no commit yet, so nothing is known of what changed.")
        whole = len(commits) <= MOST and not git.shallow()
        changes = list(_changes(results / "leaderboard.csv", commits, whole))
    except git.Refused as refusal:
        return History([], f"Git says nothing of these results ({refusal}), so what changed is not known.")
    oldest = commits[-1].date[:10]
    return History(changes, "" if whole else f"What is known here begins after {oldest}: older commits are left out.")


def _changes(path: Path, commits: list[git.Commit], whole: bool) -> Iterator[Change]:
    """Each commit against the one before; the oldest is the first of all where the history is whole."""
    tables = [_rows(git.content(commit, path)) for commit in commits]
    before = [*tables[1:], *([_rows("")] if whole else [])]
    for commit, now, then in zip(commits, tables, before, strict=False):
        new, gone = now[~now.index.isin(then.index)], then[~then.index.isin(now.index)]
        found = Change(git.Commit(*map(clean, commit)), new, gone, _moved(then, now))
        if len(new) or len(gone) or len(found.moved):
            yield found


def _rows(text: str) -> pd.DataFrame:
    """The rows of a leaderboard of any version, by what tells them apart; none of what is no table."""
    try:
        table = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, usecols=lambda name: name in READ)
    except ValueError:
        table = pd.DataFrame()
    if not {"suite", "method", "modules", MEAN} <= set(table):
        table = pd.DataFrame(columns=["suite", "method", "modules", MEAN], dtype=str)
    absent = {name: FORMERLY.get(name, "") for name in [*KEY, HALF] if name not in table}
    table = table.assign(**absent).map(clean)
    table.index = pd.Index(["\x1f".join(row) for row in table[KEY].itertuples(index=False, name=None)], dtype=str)
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in (MEAN, HALF)}
    names = [short_name(*pair) for pair in zip(table["method"], table["variant"], strict=True)]
    return table.assign(name=names, **numbers)[~table.index.duplicated()]


def _moved(then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    both = now.index.intersection(then.index)
    then, now = then.loc[both], now.loc[both]
    difference = now[MEAN] - then[MEAN]
    allowed = pd.concat([then[HALF], now[HALF]], axis=1).max(axis=1).fillna(0.0)
    beyond = (difference.abs() > allowed) & (difference.abs() > LEAST)
    beyond |= now[MEAN].isna() != then[MEAN].isna()  # ended, or no longer
    written = {"before": then, "after": now}
    texts = {name: [with_interval(*pair) for pair in zip(t[MEAN], t[HALF], strict=True)] for name, t in written.items()}
    return now.assign(**texts, difference=difference)[beyond]


def _in_words(rows: pd.DataFrame) -> list[str]:
    """Of each suite and recipe ``12 of digits, tuned: dgl, fa``."""
    groups = rows.groupby(["suite", "recipe"], sort=True)
    return [f"{len(part)} of {suite}, {recipe}: {', '.join(part['name'].unique())}" for (suite, recipe), part in groups]
