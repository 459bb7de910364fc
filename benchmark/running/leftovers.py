"""Remove what a process that was killed could not: the temporary files and folders that carry its number."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

TEMPORARY = re.compile(r"^\.(?:.+\.)?(\d+)\.tmp$")  # of write_text
SCRATCH = re.compile(r"^(\d+)-")  # of scratch folders


def remove_leftovers(folder: Path) -> None:
    """Remove, below a folder, temporary files of processes that are gone; and scratch folders right in it."""
    with suppress(OSError):
        for path in list(folder.rglob(".*.tmp")):
            if (number := TEMPORARY.match(path.name)) and _gone(int(number[1])):
                path.unlink(missing_ok=True)
        for path in list(folder.glob("*-*")):
            if path.is_dir() and (number := SCRATCH.match(path.name)) and _gone(int(number[1])):
                shutil.rmtree(path, ignore_errors=True)


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
