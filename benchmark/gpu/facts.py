"""A row of the check: facts as they become known, so that whatever breaks leaves what was found before."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from benchmark.running.alone import alone_with
from benchmark.running.origin import without_paths
from benchmark.running.storable import plain
from benchmark.schema.text import said

Row = dict[str, Any]
Facts = Iterable[tuple[str, Any]]
PLACE = Path(".beyond/gpu-check")


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


def taken() -> AbstractContextManager[None]:
    """Inside, no other process of the check uses the GPU for what is timed or weighed; networks are built before."""
    return alone_with(PLACE)


def synchronize(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
