"""A method's citation for a bibliography, from what its file says of itself."""

import re
from collections.abc import Mapping
from typing import Any

from benchmark.display.reading import web_address

KINDS = {"journal": "article", "booktitle": "inproceedings"}  # of entries, by the field that tells
OWN_TITLE = "The title is this benchmark’s name of the method; its description says more of the publication."


def bibtex(method: str, said: Mapping[str, Any]) -> str:
    """An entry of BibTeX; without braces and backslashes from the method's texts, so that none can end it."""
    title, authors = published_title(said), str(said.get("authors") or "")
    fields = {
        "author": _authors(_first(authors) if title else authors),
        "title": title or said.get("title") or method,
        "year": said.get("year") or "",
        **said.get("citation", {}),
        "url": web_address(said.get("paper")) or "",
    }
    kind = next((kind for field, kind in KINDS.items() if field in fields), "misc")
    lines = [f"  {name} = {{{_plain(value)}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{_plain(method)},", *lines, "}"])


def published_title(said: Mapping[str, Any]) -> str:
    """The title that the method's description quotes after its authors' names; empty if it quotes none there."""
    authors, doc = _first(str(said.get("authors") or "")), " ".join(str(said.get("doc") or "").split())
    found = re.search(re.escape(authors) + ', "([^"]+)"', doc) if authors else None
    return found[1] if found else ""


def _first(authors: str) -> str:
    """Those of the first publication: after a semicolon stand those of further ones."""
    return authors.split(";")[0].strip()


def _authors(text: str) -> str:
    names = [name.strip() for name in re.split(r"[,;&]", re.sub(r"\bet al\.?", "", text))]
    return " and ".join([name for name in names if name] + ["others"] * ("et al" in text))


def _plain(value: object) -> str:
    return re.sub(r"[{}\\\n]", "", str(value))
