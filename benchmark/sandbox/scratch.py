"""A folder for a stranger's process, and its removal whatever was left in it.

``shutil.rmtree`` and ``TemporaryDirectory`` recurse, build long paths and stop at the first folder without rights:
a thousand nested folders, or one with mode 000, make them raise and leave it all behind.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            while _pass(top):
                pass
        finally:
            os.close(top)
    with suppress(OSError):
        folder.rmdir()


def _pass(top: int) -> bool:
    """Remove what lies directly in an open folder; a folder first hands its own folders up to it.

    So two folders are open at a time and names are short, however deep they were nested. Returns whether anything
    moved, as another pass then finds what was handed up.
    """
    moved = False
    with os.scandir(top) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    moved |= _hand_up(entry.name, top)
                    os.rmdir(entry.name, dir_fd=top)
                else:
                    os.unlink(entry.name, dir_fd=top)
                moved = True
    return moved


def _hand_up(name: str, top: int) -> bool:
    """Remove the files of a folder in ``top``, and move its folders there; whether there were any."""
    moved = False
    os.chmod(name, 0o700, dir_fd=top)
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        os.chmod(entry.name, 0o700, dir_fd=folder)
                        os.rename(entry.name, f".{secrets.token_hex(8)}", src_dir_fd=folder, dst_dir_fd=top)
                        moved = True
                    else:
                        os.unlink(entry.name, dir_fd=folder)
    finally:
        os.close(folder)
    return moved
