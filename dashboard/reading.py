"""What the pages share of results/: its tables, read again only when a file has changed."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from benchmark import git
from benchmark.display import gap, reading
from benchmark.display.claims import Said, read_said
from benchmark.display.edition import Edition, read_edition
from benchmark.display.recipe_line import recipe_line
from benchmark.display.traits import with_traits_of_methods

cached = st.cache_data(max_entries=4, show_spinner=False)
Changed = tuple[int, ...]  # the cache's key beside the folder: when the files were written


def board() -> pd.DataFrame:
    """The leaderboard; empty if there are no results."""
    results = reading.results_folder()
    return _board(str(results), _changed(results / "leaderboard.csv", results / "curves.csv"))


@cached
def _board(results: str, changed: Changed) -> pd.DataFrame:
    return reading.read_board(Path(results))


def gap_columns() -> list[gap.Column]:
    """The columns of the picture of gaps."""
    results = reading.results_folder()
    return _gap_columns(str(results), _changed(results / "leaderboard.csv", results / "curves.csv"))


@cached
def _gap_columns(results: str, changed: Changed) -> list[gap.Column]:
    return gap.gap_columns(reading.read_board(Path(results)))


def with_traits(rows: pd.DataFrame, by: str = "method") -> pd.DataFrame:
    """Rows of another table with their methods' traits; ``by`` is the column with the id."""
    try:
        known = board()
    except (KeyError, ValueError):  # of another version: the rows can be shown all the same
        known = pd.DataFrame()
    return with_traits_of_methods(rows, known, by)


def suites() -> dict[str, Any]:
    """What the suites say of themselves."""
    return reading.read_json(reading.results_folder() / "suites.json")


def cells() -> pd.DataFrame:
    """All cells of all suites; empty if there are none."""
    results = reading.results_folder()
    return _cells(str(results), _changed(*sorted(results.glob("cells/*.csv"))))


@cached
def _cells(results: str, changed: Changed) -> pd.DataFrame:
    return reading.read_cells(Path(results))


def plans() -> pd.DataFrame:
    """What is planned and not run; empty if nothing is."""
    results = reading.results_folder()
    return _plans(str(results), _changed(results / "leaderboard.csv", *sorted(results.glob("plans/*.csv"))))


@cached
def _plans(results: str, changed: Changed) -> pd.DataFrame:
    return reading.read_plans(Path(results), reading.read_board(Path(results)))


def fit_table(board: pd.DataFrame) -> pd.DataFrame:
    """What is simulated of common networks, beside what the leaderboard knows; empty without fit.csv."""
    results = reading.results_folder()
    names = ("fit.csv", "cost_resnet32.csv", "leaderboard.csv")
    return _fit(str(results), board, _changed(*(results / name for name in names)))


@cached
def _fit(results: str, _board: pd.DataFrame, changed: Changed) -> pd.DataFrame:
    from benchmark.display.fitting import read_fit

    return read_fit(Path(results), _board)


def methods() -> dict[str, dict[str, Any]]:
    """By id: what each method says of itself, and its files."""
    results = reading.results_folder()
    return _methods(str(results), _changed(*sorted(results.glob("methods/*.json"))))


@cached
def _methods(results: str, changed: Changed) -> dict[str, dict[str, Any]]:
    return reading.read_methods(Path(results))


def ranks() -> pd.DataFrame:
    """Ranks of methods in suites and overall, in words too; empty without ranking.csv."""
    results = reading.results_folder()
    return _ranks(str(results), _changed(results / "ranking.csv"))


@cached
def _ranks(results: str, changed: Changed) -> pd.DataFrame:
    return reading.read_ranks(Path(results))


def reproductions() -> pd.DataFrame:
    """The papers' figures beside ours; empty without reproductions.csv."""
    return _table("reproductions.csv", reading.TEXT_OF_REPRODUCTIONS)


def claims() -> Said:
    """Verdicts on the papers' claims, and their cases; empty without claims.csv."""
    results = reading.results_folder()
    return _claims(str(results), _changed(results / "claims.csv", results / "claim_cases.csv"))


@cached
def _claims(results: str, changed: Changed) -> Said:
    return read_said(Path(results))


def tracks() -> dict[str, Any]:
    """The examinations that have tables, as ``benchmark.display.tracks.Track``."""
    results = reading.results_folder()
    return _tracks(str(results), _changed(*sorted(results.glob("*.csv"))))


@cached
def _tracks(results: str, changed: Changed) -> dict[str, Any]:
    from benchmark.display.tracks import read_tracks  # no other page needs it

    return read_tracks(Path(results))


def tuning() -> pd.DataFrame:
    """What tuning changed, with the ranks in words; empty where nothing was tuned."""
    return reading.with_ranks_in_words(_table("tuning.csv", reading.TEXT_OF_TUNING))


def fidelity() -> pd.DataFrame:
    """How far methods are from their authors' code; empty if nothing is told."""
    return _table("fidelity.csv", reading.TEXT_OF_FIDELITY)


def trials(method: str) -> pd.DataFrame:
    """All trials of the method's searches; empty if there are none."""
    from benchmark.display.trials import read_trials  # it draws charts, which the first page does not

    return read_trials(reading.results_folder(), method, tuning())


def edition() -> Edition:
    """Date, commit and number of records of the results; asked of git once a minute."""
    return _edition(str(reading.results_folder()))


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def _edition(results: str) -> Edition:
    return read_edition(Path(results))


def history() -> Any:
    """What changed, commit by commit; a ``History`` of ``benchmark.display.changes``."""
    return _history(str(reading.results_folder()), git.commit())


@cached
def _history(results: str, commit: str) -> Any:
    from benchmark.display.changes import read_history  # no other page needs it

    return read_history(Path(results))


def _table(name: str, text: tuple[str, ...]) -> pd.DataFrame:
    path = reading.results_folder() / name
    return _read(str(path), text, _changed(path))


@cached
def _read(path: str, text: tuple[str, ...], changed: Changed) -> pd.DataFrame:
    return reading.read_table(Path(path), text)


def record(name: str) -> dict[str, Any]:
    """The record at a path that :func:`cells` gave; empty if it is missing."""
    return reading.read_json(reading.results_folder() / name)


def suite_title(suite: str) -> str:
    """What ``suites.yaml`` calls the suite; its name if it is not there any more."""
    said = reading.read_json(reading.results_folder() / "suites.json").get(suite, {})
    return str(said.get("title", suite))


def recipe_of(suite: str, recipe: str) -> str:
    """How the suite trains by one of its recipes, in a sentence; empty if ``suites.yaml`` has it no more."""
    said = reading.read_json(reading.results_folder() / "suites.json").get(suite)
    return recipe_line(said, recipe) if said else ""


def _changed(*paths: Path) -> Changed:
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)
