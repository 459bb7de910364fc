"""Where cells run side by side: a slot is a core, or one of the GPUs that the user lets us see.

A slot is written as the ``CUDA_VISIBLE_DEVICES`` of its cell: empty on processors, so that a cell there opens no GPU;
else one entry of the user's own list, since an index into it would be somebody else's GPU.
"""

import os
import re

from benchmark.errors import UserError
from benchmark.running.cores import cores

VISIBLE = "CUDA_VISIBLE_DEVICES"


def slots(gpus: int, jobs: int | None = None, each: int = 1) -> list[str]:
    """One ``CUDA_VISIBLE_DEVICES`` for each cell that runs at the same time.

    Args:
        gpus: how many CUDA finds here; 0 for a suite that trains on processors.
        jobs: so many cells at once, on GPUs in turn; by default one for each core or GPU.
        each: so many GPUs, or cores, for a cell.

    Raises:
        UserError: ``jobs`` is less than one, the user's list names no GPU, or fewer than a cell is to have.
    """
    check_jobs(jobs)
    places = visible_gpus(gpus) if gpus else [""]
    if not places:
        raise UserError(f"{VISIBLE} is {os.environ.get(VISIBLE)!r}, which names no GPU; name one, or unset it.")
    if gpus and len(places) < each:
        raise UserError(f"A cell is to have {each} GPUs, and there are {len(places)} GPUs here.")
    groups = [",".join(places[n : n + each]) for n in range(0, len(places) - each + 1, each)] if gpus else [""]
    count = jobs or (len(groups) if gpus else max(1, cores() // each))
    return [groups[n % len(groups)] for n in range(count)]


def own(visible: str | None, number: int) -> str | None:
    """What process ``number`` of a cell sees of the GPUs that the cell has: one; none where it has none."""
    names = (visible or "").split(",")
    return names[number] if visible else visible


def check_jobs(jobs: int | None) -> None:
    """Refuse what is no number of cells.

    Raises:
        UserError: it is less than one.
    """
    if jobs is not None and jobs < 1:
        raise UserError(
            f"--jobs {jobs} would train nothing; give 1 or more, or leave it out for one cell a core or GPU."
        )


def visible_gpus(count: int) -> list[str]:
    """The GPUs that this process may use, each under the name that the user's list has for it.

    CUDA reads the list up to its first entry that is no GPU (``-1``), and finds ``count`` there.
    """
    listed = os.environ.get(VISIBLE)
    if listed is None:
        return [str(n) for n in range(count)]
    names: list[str] = []
    for entry in listed.split(","):
        if not re.match(r"\s*(\d|GPU-|MIG-)", entry):
            break
        names.append(entry.strip())
    return list(dict.fromkeys(names))[:count]


def described(places: list[str]) -> str:
    """How many cells run side by side, and on what."""
    gpus = list(dict.fromkeys(filter(None, places)))
    what = "cell" if len(places) == 1 else "cells side by side"
    if not gpus:
        return f"{len(places)} {what} on {cores()} {'core' if cores() == 1 else 'cores'}."
    return f"{len(places)} {what} on {'GPU' if len(gpus) == 1 else 'GPUs'} {', '.join(gpus)}."
