"""A row of the check: facts as they become known, so that whatever breaks leaves what was found before."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import torch

from benchmark.running.origin import without_paths
from benchmark.running.storable import plain
from benchmark.schema.text import said

Row = dict[str, Any]
Facts = Iterable[tuple[str, Any]]
LOCK = Path(".beyond/gpu-check.lock")


def row(name: str, facts: Facts) -> Row:
    """The facts by their names, and ``faults``: sentences on what is not as it should be; none where all is well."""
    found: Row = {"name": name, "faults": []}
    try:
        for fact, value in facts:
            if fact == "fault":
                found["faults"].append(value)
            else:
                found[fact] = value
    except Exception as error:
        found["faults"].append(without_paths(said(error)))
    kept: Row = plain(found)
    return kept


@contextmanager
def taken() -> Iterator[None]:
    """Inside, no other process of the check uses the GPU for what is timed or weighed; networks are built before."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w", encoding="utf-8") as lock:
        flock(lock, LOCK_EX)
        yield


def synchronize(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
