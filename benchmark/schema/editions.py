"""Texts of a method's file that differ in words alone: a corrected docstring makes no finished cell out of date.

``results/methods`` keeps every text that made a record, by its hash. A text of the same code as an earlier one,
docstrings, comments and layout apart, is an edition of it: cells of both are kept under the earlier one's hash. A
record still names the very text that ran, and `beyond verify` runs the one that is here.
"""

import ast
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ValidationError

from benchmark.schema.plugins import METHODS, file_sha256, parsed, plugin_path

SAID = Path("results/methods")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Text(BaseModel):
    """A method's file that made a record."""

    commit: str  # of a record that it made
    source: str
    edition_of: str | None = None  # hash of the first text of its code, if that is another


class _Said(BaseModel):
    files: dict[str, Text]


def kept_texts(name: str, folder: Path = SAID) -> dict[str, Text]:
    """Texts of a method's file by hash, as they were kept the last time tables were written; none if nothing was.

    Nothing in the file is believed: a text must have its hash, and an edition stand beside the first of its code.
    """
    try:
        files = _Said.model_validate_json((folder / f"{name}.json").read_bytes()).files
    except (OSError, ValidationError):
        return {}
    kept = {sha: text for sha, text in files.items() if _sha256(text.source) == sha}
    return {sha: text.model_copy(update={"edition_of": _proved(text, kept)}) for sha, text in kept.items()}


def _proved(text: Text, kept: Mapping[str, Text]) -> str | None:
    """The first text that one names, if it is there, is an edition of no other, and has the same code."""
    first = kept.get(text.edition_of or "")
    proved = first is not None and first.edition_of is None and same_code(first.source, text.source)
    return text.edition_of if proved else None


def of_todays_code(name: str, sha256: str) -> bool:
    """Whether a text that a record names is an edition of the method's file as it is here."""
    return edition(name, sha256) == edition(name, file_sha256(plugin_path(METHODS, name)))


def edition(name: str, sha256: str) -> str:
    """Hash of the first text whose code a method's file has.

    Args:
        sha256: of the file as it is here, or as it is kept; of any other it is returned as it is.
    """
    kept = kept_texts(name)
    try:
        here = (METHODS / f"{name}.py").read_bytes().decode()  # its very line breaks, as they are hashed
    except (OSError, ValueError):
        here = ""
    return first_of(sha256, here, kept) if sha256 in (*kept, _sha256(here)) else sha256


def first_of(sha256: str, source: str, kept: Mapping[str, Text]) -> str:
    """Hash of the first of the kept texts that has the same code; else the text's own."""
    if sha256 in kept:
        return kept[sha256].edition_of or sha256
    for sha, text in kept.items():
        if same_code(text.source, source):
            return text.edition_of or sha
    return sha256


def same_code(one: str, other: str) -> bool:
    """Whether two texts can be parsed, read no docstring, and differ in docstrings, comments and layout at most."""
    code = _code(one)
    return code is not None and code == _code(other)


@lru_cache(maxsize=128)
def _code(text: str) -> str | None:
    tree = parsed(text, Path("text"))
    if isinstance(tree, str) or "__doc__" in text:
        return None
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    try:
        return ast.dump(tree)
    except (RecursionError, ValueError):  # the latter of an integer of thousands of digits, written in hexadecimals
        return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
