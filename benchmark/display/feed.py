"""The Atom feed of what changed (RFC 4287), beside the page that shows the same."""

from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree

from benchmark.display.changes import Change
from benchmark.display.edition import AUTHORS

NAME = "changes.atom"
PAGE = "changes.html"
ATOM = "http://www.w3.org/2005/Atom"
NEVER = "1970-01-01T00:00:00Z"  # a feed needs a date, and an empty one has none


def atom(changes: list[Change]) -> bytes:
    """The feed, an entry for each commit that changed rows, the newest first."""
    feed = ElementTree.Element("feed", xmlns=ATOM)
    _add(feed, "title", "Beyond Backprop: what changed")
    _add(feed, "id", _identity("feed"))
    _add(feed, "updated", changes[0].commit.date if changes else NEVER)
    _add(_add(feed, "author"), "name", AUTHORS)
    _add(feed, "link", rel="self", href=NAME)
    _add(feed, "link", rel="alternate", href=PAGE)
    for change in changes:
        entry = _add(feed, "entry")
        _add(entry, "title", f"{change}: {change.commit.subject}")
        _add(entry, "id", _identity(change.commit.hash))
        _add(entry, "updated", change.commit.date)
        _add(entry, "link", rel="alternate", href=f"{PAGE}#c{change.commit.hash[:12]}")
        _add(entry, "content", "\n".join(sentences(change)), type="text")
    ElementTree.indent(feed)
    written: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def sentences(change: Change) -> list[str]:
    """A line for the new and for the gone rows of each suite, and for each row that moved."""
    moved = [
        f"Moved in {row.suite}, {row.recipe}: {row.name}, K = {row.modules}, from {row.before} to {row.after} %"
        for row in change.moved.itertuples(index=False)
    ]
    return change.new_and_gone + moved


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, name, attributes)
    element.text = text or None
    return element


def _identity(name: str) -> str:
    return uuid5(NAMESPACE_URL, f"beyond-backprop/changes/{name}").urn
