"""The data folder and what stands in it: names that can be shown, and folders that are folders."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.errors import DataMissing
from benchmark.schema.text import printable

JUNK = ("__MACOSX", "@eaDir", "lost+found", "Thumbs.db", "desktop.ini")  # what systems leave behind
LONGEST = 2000  # characters of a sentence: what to do stands at its end, behind names of folders


def spelt(text: str) -> str:
    """One line that every terminal can show: control characters and bytes that are no UTF-8 are escaped."""
    return printable("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text), LONGEST)


def check_folder(folder: Path, what: str, mend: str) -> bool:
    """Whether there is such a folder.

    Raises `DataMissing` where something else has its name, or where it cannot be looked into.
    """
    try:
        os.listdir(folder)
    except FileNotFoundError as error:
        dangling = [place for place in (folder, *folder.parents) if place.is_symlink() and not place.exists()]
        if not dangling:
            return False
        raise DataMissing(spelt(f"{what} {dangling[0]} is a link that leads nowhere: {mend}.")) from error
    except OSError as error:
        reason = "is a file" if os.path.isfile(folder) else f"cannot be opened ({error.strerror})"
        raise DataMissing(spelt(f"{what} {folder} {reason}, but must be a folder: {mend}.")) from error
    return True


def check_root(root: Path) -> bool:
    """Whether there is a data folder.

    Raises `DataMissing` where it can be none.
    """
    return check_folder(root, "the data folder", "mend it, or name the folder that has the data sets in BEYOND_DATA")
