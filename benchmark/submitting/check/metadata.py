"""The metadata of a method's file, read without importing it."""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from benchmark.errors import UserError
from benchmark.schema.plugins import ID, METHODS, method_metadata
from benchmark.submitting.check.findings import Failed

LARGEST = 2**20  # bytes of a file


def check_metadata(path: Path) -> str:
    """The file's claims, in a sentence.

    Raises:
        Failed: a piece of metadata is missing or wrong.
    """
    if path.suffix != ".py" or not ID.match(path.stem):
        raise Failed(
            f"{path.name} is no method id; name the file with small letters, digits and _ only, as my_idea.py."
        )
    said = _read(path)
    link = urlparse(said["paper"])
    if link.scheme not in ("http", "https") or not link.netloc:
        raise Failed(f"`paper` is {said['paper']!r}, but must be the paper's address, https://...")
    if not said["doc"].strip():
        raise Failed("The file has no docstring; begin it with the paper that it follows and the local objective.")
    _check_title(path, said["title"])
    removes = " and ".join(said["removes"]) or "no"
    needs = said["requires"] or "any backbone that can be cut"
    return f"{said['title']}: {said['family']}, removes {removes} lock; requires {needs}."


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST:
        raise Failed(f"{path.name} is larger than 1 MiB; a method is one short file.")
    try:
        return method_metadata(path)
    except UserError:
        raise
    except UnicodeDecodeError:
        raise Failed(f"{path.name} is no UTF-8 text; save it as UTF-8.") from None
    except (TypeError, ValueError, RecursionError, MemoryError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Failed(
            f"The literals of {path.name} cannot be read ({reason}); write plain strings and numbers."
        ) from None


def _check_title(path: Path, title: str) -> None:
    """Tables show titles, so no two methods may share one."""
    for other in sorted(METHODS.glob("*.py")):
        if other.stem != path.stem and method_metadata(other)["title"].casefold() == title.casefold():
            raise Failed(f"The title {title!r} is that of {other} already; choose another.")
