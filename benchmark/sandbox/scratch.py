"""A folder for a stranger's process, and its removal whatever was left in it.

``shutil.rmtree`` and ``TemporaryDirectory`` recurse, build long paths and stop at the first folder without rights:
a thousand nested folders, or one with mode 000, make them raise and leave it all behind.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def scratch_folder(parent: Path | None = None, prefix: str = "beyond-") -> Iterator[Path]:
    """A new folder (in the system's folder for temporary files, if no other is named); gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder and all in it, follow no link; what the system will not remove stays, and nothing is raised."""
    with suppress(OSError):
        os.chmod(folder, 0o700)
        _empty(os.open(folder, FOLDER))
    with suppress(OSError):
        folder.rmdir()


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
