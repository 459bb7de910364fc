"""Who trained a row's cells again, and whether isolation held: the words that tables and pages show.

An author who runs his own code twice shows that it repeats itself, not that it is right: only what *somebody else* ran
is green. Light on purpose: the dashboard imports it at every start.
"""

from collections.abc import Iterable

NEVER = "never"
OLDER = "of an older file"
AUTHORS = "re-run by its authors"
ELSEWHERE = "by its authors on another machine"
OTHERS = "by somebody else"
FAILED = "failed"
STANDINGS = (NEVER, OLDER, AUTHORS, ELSEWHERE, OTHERS)  # the later, the more it is worth
ISOLATION = {"verified": "held"}  # what a record says of isolation -> the word that readers see, where it is another


def joint(standings: Iterable[str]) -> str:
    """Of a row's cells: one failure is a failure, else it is the best that any of them has."""
    found = set(standings)
    return FAILED if FAILED in found else max(found, key=STANDINGS.index)
