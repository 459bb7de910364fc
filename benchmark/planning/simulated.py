"""Simulated trainings: rows side by side, a process each, and every row kept on disk as soon as it is done.

What is kept lies in an ignored folder under a hash of all that can change it, so that a command that was cut short
goes on where it stopped, and an edited method or engine is simulated anew.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

import benchmark
from benchmark.engine.load import load_method
from benchmark.engine.measuring.cost import Simulation, simulate, simulate_peak
from benchmark.engine.pictures.data import Task
from benchmark.engine.training.build import build_method
from benchmark.errors import UserError
from benchmark.running.launch import Crash, Job, run_jobs
from benchmark.running.slots import slots
from benchmark.schema.fingerprint import package_versions
from benchmark.schema.plugins import METHODS, file_sha256, plugin_path
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import Backbone, Balance, Suite
from benchmark.schema.text import write_text

KEPT = Path(".beyond/plans")
ENGINE = Path(benchmark.__file__).parent / "engine"


@dataclass(frozen=True)
class Training:
    """What is simulated: a method on a backbone in ``modules`` modules, with ``batch`` pictures a step."""

    method: str
    variant: str
    options: dict[str, Any]
    backbone: Backbone
    balance: Balance
    recipe: Recipe
    task: Task
    modules: int
    batch: int
    further: tuple[int, ...] = ()  # other batches, of which the peak alone is wanted
    seed: int = 0

    @property
    def key(self) -> str:
        """Hex digest of all that can change the simulation."""
        facts = {
            **{name: value for name, value in asdict(self).items() if name not in ("backbone", "recipe")},
            "backbone": self.backbone.model_dump(mode="json"),
            "recipe": self.recipe.facts() | {"batch": self.batch},
            "file": file_sha256(plugin_path(METHODS, self.method)),
            "engine": _engine(),
            "packages": package_versions(),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Simulated:
    """What became of a training: its cost and the peaks (bytes) of further batches, or a note why there is none."""

    cost: Simulation | None = None
    peaks: tuple[int, ...] = ()
    note: str = ""


@cache
def _engine() -> str:
    """Hex digest of the engine's files."""
    files = sorted(ENGINE.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def simulate_all(
    trainings: Sequence[Training], title: str, console: Console | None = None, jobs: int | None = None
) -> list[Simulated]:
    """All of the trainings, in their order; those that are kept from an earlier call are not simulated again.

    Args:
        jobs: so many side by side; by default one a core.
    """
    keys = [training.key for training in trainings]
    found = {key: kept for key in keys if (kept := _read(key))}
    todo = {key: training for key, training in zip(keys, trainings, strict=True) if key not in found}
    work = [Job(key, "benchmark.planning.simulated:simulate_training", (one,)) for key, one in todo.items()]
    places: list[str | None] = [*slots(0, jobs)]
    ended = run_jobs(work, places)
    for key, outcome in track(ended, title, len(work), console=console, transient=True) if console else ended:
        found[key] = _told(outcome)
        if found[key].cost:  # what failed may not fail the next time
            _keep(key, found[key])
    return [found[key] for key in keys]


def _told(outcome: Simulated | UserError | Crash) -> Simulated:
    if isinstance(outcome, Simulated):
        return outcome
    return Simulated(note=str(outcome))


def simulate_training(report: Callable[[float], None], training: Training) -> Simulated:
    """In a process of its own: one training; ``report`` hears how much of it is done."""
    try:
        method = load_method(training.method)
        suite = Suite.model_construct(balance=training.balance)
        made = training.options, suite, training.backbone, training.task, training.modules, training.seed
        build = partial(build_method, method, *made)
        cost = simulate(build, training.recipe, training.task, training.batch)
        return Simulated(cost, tuple(_peaks(build, training, report)))
    except UserError as error:
        return Simulated(note=str(error))


def _peaks(build: Callable[[], Any], training: Training, report: Callable[[float], None]) -> Iterator[int]:
    for done, batch in enumerate(training.further, 1):
        report(done / (1 + len(training.further)))
        yield simulate_peak(build, training.recipe, training.task, batch)


def _keep(key: str, simulated: Simulated) -> None:
    with suppress(OSError):  # a folder that cannot be written costs time the next time, and nothing now
        write_text(json.dumps(asdict(simulated)), KEPT / f"{key}.json")


def _read(key: str) -> Simulated | None:
    """What is kept, if it can be read."""
    try:
        said = json.loads((KEPT / f"{key}.json").read_text(encoding="utf-8"))
        cost = Simulation(**said["cost"]) if said["cost"] else None
        return Simulated(cost, tuple(said["peaks"]), said["note"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
