"""A folder for a stranger's process, and its removal whatever was left in it.

``shutil.rmtree`` and ``TemporaryDirectory`` recurse, build long paths and stop at the first folder without rights:
a thousand nested folders, or one with mode 000, make them raise and leave it all behind.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmark.running.leftovers import gone

PAUSES = (0.0, 0.1, 0.5, 1.0)  # seconds before each try
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
PREFIX = "beyond-{pid}-"
OURS = re.compile(r"^beyond-(\d+)-")


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder (in the system's folder for temporary files, if no other is named); gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX.format(pid=os.getpid()), dir=parent)).resolve()
    try:
        yield folder
    finally:
        remove(folder)


def remove_abandoned(parent: Path) -> None:
    """Remove the scratch folders in ``parent`` of processes that are gone: killed, they could not."""
    for folder in list(parent.glob("beyond-*")):
        if (number := OURS.match(folder.name)) and gone(int(number[1])):
            remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder and all in it, follow no link; what the system will not remove stays, and nothing is raised."""
    for pause in PAUSES:  # a process that was killed just now may still be writing
        time.sleep(pause)
        with suppress(OSError):
            os.chmod(folder, 0o700)
            _empty(os.open(folder, FOLDER))
        with suppress(OSError):
            folder.rmdir()
        if not os.path.lexists(folder):
            return


def _empty(here: int) -> None:
    """Remove what lies in an open folder, and close it.

    One folder is open at a time, and each is reached from its neighbour: there is no depth and no long path.
    """
    above, seen = list[tuple[str, int]](), set[int]()  # folders on the way here: name, inode of its parent
    try:
        while (child := _clear(here, seen)) or above:
            if child:
                above.append((child[0], os.fstat(here).st_ino))
                here = _instead(here, child[1])
            else:
                name, parent = above.pop()
                here = _instead(here, os.open("..", FOLDER, dir_fd=here))
                if os.fstat(here).st_ino != parent:
                    return  # somebody has moved it
                with suppress(OSError):
                    os.rmdir(name, dir_fd=here)
    finally:
        os.close(here)


def _clear(here: int, seen: set[int]) -> tuple[str, int] | None:
    """Remove the files of an open folder; returns one of its folders that was not seen yet, and opens it."""
    with os.scandir(here) as entries:
        for entry in entries:
            with suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=here)
                elif entry.inode() not in seen:
                    seen.add(entry.inode())
                    os.chmod(entry.name, 0o700, dir_fd=here)
                    return entry.name, os.open(entry.name, FOLDER, dir_fd=here)
    return None


def _instead(here: int, there: int) -> int:
    os.close(here)
    return there
