"""Text that goes into files and onto terminals."""

import os
from pathlib import Path

LONGEST = 600  # characters of a sentence


def printable(text: str) -> str:
    """One bounded line without control characters: a stranger's text must not steer a terminal."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= LONGEST else line[:LONGEST] + " ..."


def write_text(text: str, path: Path) -> None:
    """Write under a temporary name, then rename: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
