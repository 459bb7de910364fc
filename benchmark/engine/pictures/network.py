"""A data set from the network: whole into the data folder, or one sentence and nothing left behind."""

from __future__ import annotations

import http.client
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from benchmark.engine.pictures.places import check_root, spelt
from benchmark.errors import DataMissing

NETWORK_TIMEOUT = 10.0  # seconds of silence


def download(fetch: Callable[[Path], object], root: Path, folder: str, by_hand: str) -> None:
    """Let `fetch(scratch)` make `folder` in a scratch folder, then move it whole into `root`.

    Raises `DataMissing` when it fails, and then leaves nothing behind.
    """
    here = "is not in the data folder" if check_root(root) else "is missing, as there is no data folder"
    nearest = next(place for place in (root, *root.parents) if place.is_dir())
    try:
        with tempfile.TemporaryDirectory(dir=nearest, prefix=".download-") as scratch:
            with _short_timeout(), redirect_stdout(None):
                fetch(Path(scratch))
            root.mkdir(parents=True, exist_ok=True)
            os.replace(Path(scratch) / folder, root / folder)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DataMissing(
            spelt(
                f"{folder} {here} {root}, and could not be downloaded ({reason}): {by_hand}, or name the folder that "
                "has it in BEYOND_DATA."
            )
        ) from error


@contextmanager
def _short_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
