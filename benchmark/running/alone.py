"""One process at a time: who reads a file, changes what was in it and writes it, or times something."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path


@contextmanager
def alone_with(folder: Path) -> Iterator[None]:
    """Inside, no other process is alone with the folder, which is made if it is not there; waits for its turn.

    Where a file system knows no locks, nobody waits. A process that dies gives its turn back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            flock(place, LOCK_EX)
        yield
    finally:
        os.close(place)
