"""What a job asks a cluster for: what its suite says, unless somebody says otherwise."""

import math
import re
from dataclasses import dataclass

from benchmark.errors import UserError
from benchmark.schema.suite import Suite

ON_PROCESSOR, ON_GPU = (1, 4.0), (9, 16.0)  # cores and GB of a process; beside a GPU eight more read pictures
FORM = re.compile(r"(gpus|cpus|memory|minutes)=(\d+(?:\.\d+)?)(?:GB)?")
WRITE = "write some of gpus=1,cpus=8,memory=32GB,minutes=600"


@dataclass(frozen=True)
class Needs:
    """Of one job."""

    gpus: int
    cpus: int
    memory: float  # GB of 1e9 bytes
    minutes: float  # after which it is ended, and handed in again


def needs_of(suite: Suite, processes: int, asked: dict[str, float]) -> Needs:
    """What so many processes need that train a cell of the suite together; what is ``asked`` for stands."""
    cuda = suite.device == "cuda"
    cpus, memory = ON_GPU if cuda else ON_PROCESSOR
    return Needs(
        gpus=int(asked.get("gpus", processes * cuda)),
        cpus=int(asked.get("cpus", processes * cpus)),
        memory=asked.get("memory", processes * memory),
        minutes=asked.get("minutes", math.ceil(suite.timeout_minutes)),
    )


def parsed_needs(said: str) -> dict[str, float]:
    """``cpus=8,memory=32GB`` by name.

    Raises:
        UserError: it says something else.
    """
    found = {}
    for part in filter(None, said.replace(" ", "").split(",")):
        match = FORM.fullmatch(part)
        if not match or (float(match[2]) <= 0 and match[1] != "gpus") or (match[1][1:] == "pus" and "." in match[2]):
            raise UserError(f"--needs {said!r} cannot be read at {part!r}; {WRITE}.")
        found[match[1]] = float(match[2])
    return found
