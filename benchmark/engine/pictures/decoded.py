"""The decoded pictures of a tree in one file beside it: it only saves time, so nothing that ails it is an error."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np


def read_decoded(cache: Path, key: str, shapes: list[tuple[int, ...]]) -> list[np.ndarray] | None:
    """The decoded arrays, or None when they are absent, stale or damaged (npz checks a CRC of each array)."""
    if not cache.is_file():  # a pipe would never end
        return None
    try:
        with np.load(cache, allow_pickle=False) as stored:
            arrays = [stored["train"], stored["test"]] if str(stored["key"]) == key else []
    except Exception:  # a damaged file raises what zip, zlib and numpy's header make of it
        return None
    fit = [array.shape for array in arrays] == shapes and all(array.dtype == np.uint8 for array in arrays)
    return arrays if fit else None


def write_decoded(cache: Path, key: str, arrays: list[np.ndarray]) -> None:
    """Write to a temporary name, then rename; a read-only data folder only costs decoding anew."""
    with suppress(OSError), tempfile.TemporaryDirectory(dir=cache.parent, prefix=".decoding-") as scratch:
        train, test = arrays
        np.savez(Path(scratch) / "new.npz", key=np.array(key), train=train, test=test)
        os.replace(Path(scratch) / "new.npz", cache)
