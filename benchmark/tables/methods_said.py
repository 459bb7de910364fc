"""``results/methods/<id>.json``: what a method says of itself, and the very files that produced its records.

The dashboard shows a method from here alone: it never opens ``methods/``. A file is kept under its SHA-256 as
long as a record names it, so every number stands beside the code that made it.
"""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.schema.editions import Text, first_of, kept_texts
from benchmark.schema.plugins import ID, method_metadata

SAID = [
    *("title", "authors", "year", "paper", "family", "removes", "reach", "cut_matters", "requires", "leaves"),
    *("variants", "defaults", "recipe", "tunes", "citation", "doc"),
]
COMMIT = re.compile("[0-9a-f]{7,40}")  # nothing else that a record calls its commit is handed to git


def methods_said(cells: pd.DataFrame, methods: Path, before: Path) -> dict[str, dict[str, Any]]:
    """By method: its metadata, read without importing it, and its files by hash.

    Args:
        cells: all cells; a method's records outlive its file.
        methods: the folder of plugins.
        before: where these texts were written the last time: a file that is gone is taken from there.
    """
    present = [path.stem for path in sorted(methods.glob("*.py")) if ID.match(path.stem)]
    return {name: _said(name, cells, methods, before) for name in sorted({*present, *cells["method"]})}


def _said(name: str, cells: pd.DataFrame, methods: Path, before: Path) -> dict[str, Any]:
    records = cells[cells["method"] == name].dropna(subset=["method_sha256"])
    commits = records.drop_duplicates("method_sha256")[["method_sha256", "git_commit"]]
    files = _files(name, dict(commits.itertuples(index=False, name=None)), methods, before)
    try:
        metadata = method_metadata(methods / f"{name}.py")
    except (OSError, UserError):
        metadata = _old(name, before)
    said = {key: metadata[key] for key in SAID if key in metadata}
    if "tunes" in said:
        said["tunes"] = {option: _in_words(values) for option, values in said["tunes"].items()}
    return {"id": name} | said | {"files": files}


def _in_words(values: Any) -> Any:
    """A range as low and high, since JSON tells no pair from two choices; a list of choices, and words, as they are."""
    return {"low": values[0], "high": values[1]} if isinstance(values, tuple) else values


def _files(name: str, wanted: dict[str, str], methods: Path, before: Path) -> dict[str, dict[str, str]]:
    """By hash: source, commit, and of which text it is an edition, of all files that records name and can be found.

    The first text of an edition stays beside it, which is nothing without it.
    """
    kept = kept_texts(name, before)
    found = dict[str, dict[str, str]]()
    for sha, commit in sorted(wanted.items()):
        for source in _candidates(name, commit, kept.get(sha), methods):
            if hashlib.sha256(source.encode()).hexdigest() == sha:
                first = first_of(sha, source, kept)
                found[sha] = {"commit": commit, "source": source} | ({"edition_of": first} if first != sha else {})
                break
    firsts = {file["edition_of"] for file in found.values() if "edition_of" in file} - found.keys()
    return dict(sorted((found | {sha: kept[sha].model_dump(exclude_none=True) for sha in firsts}).items()))


def _candidates(name: str, commit: str, kept: Text | None, methods: Path) -> Iterable[str]:
    """Places to look, cheapest first: what was kept, the file as it is now, the file of that commit."""
    if kept is not None:
        yield kept.source
    path = methods / f"{name}.py"
    if path.is_file():
        yield path.read_bytes().decode(errors="replace")  # of another encoding: its hash will not be that of a record
    if COMMIT.fullmatch(commit):
        shown = subprocess.run(["git", "show", f"{commit}:methods/{name}.py"], capture_output=True, check=False)
        yield shown.stdout.decode(errors="replace")


def _old(name: str, before: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((before / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said


def with_metadata(board: pd.DataFrame, said: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The board with what each method says of itself."""
    keys = ("title", "paper", "year", "removes", "reach", "requires")
    found = {key: board["method"].map(lambda name, key=key: said.get(name, {}).get(key)) for key in keys}
    found["removes"] = found["removes"].map(", ".join, na_action="ignore")
    return board.assign(**found).assign(title=found["title"].fillna(board["method"]))
