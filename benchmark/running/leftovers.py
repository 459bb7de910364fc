"""Remove what a process that was killed could not: the temporary files that carry its number."""

import os
import re
from contextlib import suppress
from pathlib import Path

TEMPORARY = re.compile(r"^\.(?:.+\.)?(\d+)\.tmp$")  # of write_text


def remove_leftovers(folder: Path) -> None:
    """Remove, below a folder, temporary files of processes that are gone."""
    with suppress(OSError):
        for path in list(folder.rglob(".*.tmp")):
            if (number := TEMPORARY.match(path.name)) and gone(int(number[1])):
                path.unlink(missing_ok=True)


def gone(pid: int) -> bool:
    """Whether there is no process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
