"""Who ran a cell again, and whose record it is, as git knows them.

Names are git's own, which anybody can set: they are worth as much as the pull request that brought the outcome.
"""

import hashlib
import re
from collections.abc import Iterable

from benchmark.schema.record import Part
from benchmark.schema.text import printable

SIGNED = re.compile(r"(.*?)\s*<([^<>]*)>")
LONGEST = 80  # characters of a name


class Person(Part):
    """Somebody. The address is hashed, to recognise it by: it is not shown, and no secret either."""

    name: str
    address_sha256: str | None = None


def person(signed: str) -> Person:
    """Of ``Name <address>``."""
    found = SIGNED.match(signed)
    name, address = found.groups() if found else (signed, "")
    address = address.strip().lower()
    hashed = hashlib.sha256(address.encode()).hexdigest() if address else None
    return Person(name=printable(name.strip(), LONGEST), address_sha256=hashed)


def somebody_else(by: Person | None, authors: Iterable[Person]) -> bool:
    """Whether ``by`` shares neither name nor address with any of the authors; no, where either is unknown."""
    authors = list(authors)
    return by is not None and bool(authors) and not any(_same(by, author) for author in authors)


def _same(one: Person, other: Person) -> bool:
    known = one.address_sha256 is not None
    return one.name.casefold() == other.name.casefold() or (known and one.address_sha256 == other.address_sha256)
