"""How to object to a row: a form of the repository's own tracker, with the row's address in it.

Where the tracker is follows from git's origin. Of it only the host and the path are shown: it may hold a password, or
be a folder of this machine.
"""

import re
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from benchmark import git

FORM = "object.yml"  # in .github/ISSUE_TEMPLATE; its fields have the names that the address fills
TITLE = "Object to a row"
HOW = (
    "Something wrong with a row, or unfair to a method? Name the row and what you would change, in a mail or a patch "
    "to the maintainers: CONTRIBUTING.md, “Objecting to a row”, says how."
)
BY_LINK = "Something wrong with a row, or unfair to a method? Its link “object” opens an issue that names the row."
SHORT_SSH = re.compile(r"(?:[\w.-]+@)?([\w-]+(?:\.[\w-]+)+):(?!/)(.+)")  # git@host:owner/name.git
PATH = re.compile(r"[\w.-]+(/[\w.-]+)+")


class Tracker(NamedTuple):
    """Where issues are written: the repository's address, and whether it is GitLab's."""

    repository: str
    gitlab: bool


def tracker(origin: str | None) -> Tracker | None:
    """The tracker of a repository on a host of GitHub or GitLab, over https or ssh; none for any other origin."""
    short = SHORT_SSH.fullmatch(origin or "")
    try:
        parts = urlsplit(f"ssh://{short[1]}/{short[2]}" if short else origin or "")
        port = parts.port if parts.scheme == "https" else None
    except ValueError:  # no address at all
        return None
    host, path = parts.hostname or "", parts.path.strip("/").removesuffix(".git")
    kinds = [kind for kind in ("github", "gitlab") if kind in host.split(".")[:-1]]
    if parts.scheme not in ("https", "ssh") or not kinds or not PATH.fullmatch(path):
        return None
    return Tracker(f"https://{host}{f':{port}' if port else ''}/{path}", kinds[0] == "gitlab")


def here() -> Tracker | None:
    """The tracker of the repository whose results are shown."""
    return tracker(git.origin())


def objection(to: Tracker, record: str, results: str) -> str:
    """Where to write the issue.

    Args:
        to: the tracker.
        record: path of the record below ``results/``, or of all records of a row, its seed a star.
        results: which results, such as ``2026-11-29, 61667d3f01``.
    """
    if to.gitlab:
        text = f"Row: {record}\nResults: {results}\n\nWhat is wrong, and what shows it:\n"
        return f"{to.repository}/-/issues/new?{urlencode({'issue[title]': TITLE, 'issue[description]': text})}"
    return f"{to.repository}/issues/new?{urlencode({'template': FORM, 'row': record, 'results': results})}"
