"""Write the static page's folder: whole or not at all, and never over a folder of other things."""

import os
import shutil
from pathlib import Path

from benchmark.errors import UserError

MARK = ".beyond-export"  # stands in a folder that may be replaced


def write_folder(files: dict[str, bytes], folder: Path) -> None:
    """Write the files, names below the folder, beside it; then put them in the place of the earlier one.

    Raises:
        UserError: the folder is there and is not an earlier export.
    """
    check_replaceable(folder)
    folder = folder.absolute()
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        fresh.mkdir(parents=True)
        for name, content in {**files, MARK: b"", ".nojekyll": b""}.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(content)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def check_replaceable(folder: Path) -> None:
    """Nothing there, an empty folder, or an earlier export.

    Raises:
        UserError: anything else.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UserError(f"{folder} is not a folder of its own; name one that is empty or not there yet.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise UserError(
            f"{folder} holds files that `beyond export` did not write; name a folder that is empty or not there yet."
        )
