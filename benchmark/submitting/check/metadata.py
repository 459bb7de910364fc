"""The metadata of a method's file, read without importing it."""

from pathlib import Path
from urllib.parse import urlsplit

from benchmark.errors import UserError
from benchmark.schema.plugins import ID, METHODS, method_metadata
from benchmark.submitting.check.findings import Failed


def check_metadata(path: Path) -> str:
    """The file's claims, in a sentence.

    Raises:
        Failed: a piece of metadata is missing or wrong.
        UserError: the file cannot be read; then nothing else shall parse it.
    """
    if path.suffix != ".py" or not ID.match(path.stem):
        raise Failed(
            f"{path.name} is no method id; name the file with small letters, digits and _ only, as my_idea.py."
        )
    said = method_metadata(path)
    if not _is_address(said["paper"]):
        raise Failed(f"`paper` is {said['paper']!r}, but must be the paper's address, https://...")
    if not said["doc"].strip():
        raise Failed("The file has no docstring; begin it with the paper that it follows and the local objective.")
    _check_title(path, said["title"])
    removes = " and ".join(said["removes"]) or "no"
    needs = said["requires"] or "any backbone that can be cut"
    return f"{said['title']}: {said['family']}, removes {removes} lock; requires {needs}."


def _is_address(text: str) -> bool:
    try:
        link = urlsplit(text)
    except ValueError:  # http://[
        return False
    return link.scheme in ("http", "https") and bool(link.netloc)


def _check_title(path: Path, title: str) -> None:
    """Tables show titles, so no two methods may share one; a broken file of somebody else is not this author's."""
    for other in sorted(METHODS.glob("*.py")):
        if other.stem != path.stem and _title(other).casefold() == title.casefold():
            raise Failed(f"The title {title!r} is that of {other} already; choose another.")


def _title(path: Path) -> str:
    try:
        return str(method_metadata(path)["title"])
    except UserError:
        return ""
