"""Train cells again in the sandbox, several side by side, each in a scratch folder of its own."""

from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

from benchmark.errors import UserError
from benchmark.running.launch import Crash, Job, run_jobs, run_one
from benchmark.running.observer import LineObserver
from benchmark.running.slots import described, slots
from benchmark.sandbox.scratch import remove_abandoned, scratch_folder
from benchmark.schema.plugins import METHODS, plugin_path
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite, load_suites

SCRATCH = Path(".beyond/verify")
GRACE = 600.0  # seconds beyond a cell's own limit: to read pictures and to judge
EXHAUSTED = ("oom", "timeout")  # which says something of this machine, and nothing of what is put to the test


class Claimed(Protocol):
    """What can be put to the test."""

    @property
    def key(self) -> Hashable:
        """Tells it apart from the others."""

    @property
    def cell(self) -> Cell:
        """The cell that was trained."""

    @property
    def suite(self) -> Suite:
        """The suite by which it trains."""


Some = TypeVar("Some", bound=Claimed)


def suites_asked(suites: Sequence[str], methods: Sequence[str]) -> dict[str, Suite]:
    """The suites that are asked for, by their names; none means all.

    Raises:
        UserError: there is no such suite, or no such method.
    """
    known = load_suites()
    if wrong := set(suites) - set(known):
        raise UserError(f"There is no suite {min(wrong)!r} in suites.yaml; there are {', '.join(sorted(known))}.")
    for method in methods:
        plugin_path(METHODS, method)
    return {name: known[name] for name in sorted(set(suites or known))}


def runnable(found: Sequence[Some]) -> tuple[list[Some], list[str]]:
    """Those whose suite can run here, and a sentence for each suite that cannot.

    Raises:
        UserError: none can.
    """
    ready, unfit = set[str](), list[str]()
    for name in sorted({one.cell.suite for one in found}):
        try:
            hardware(name)
            ready.add(name)
        except UserError as error:
            unfit.append(f"{name}: {error}")
    return some([one for one in found if one.cell.suite in ready], unfit)


def some(found: list[Some], unfit: list[str]) -> tuple[list[Some], list[str]]:
    """Both, as they are.

    Raises:
        UserError: nothing was found.
    """
    if not found:
        raise UserError(f"There is nothing to verify. {unfit[0] if unfit else 'No record is that of such a cell.'}")
    return found, unfit


@cache
def hardware(suite: str) -> int:
    """Number of GPUs that the suite's cells are trained on here, 0 for processors.

    Raises:
        UserError: they are not here, or the pictures are not.
    """
    _, gpus = run_one("benchmark.running.preflight:hardware_and_data", suite)
    return int(gpus)


def train_all_again(
    chosen: Sequence[Some], observer: LineObserver, jobs: int | None = None
) -> Iterator[tuple[Some, tuple[Record, list[str]] | Crash]]:
    """Each with the record of its second training and the protections that were on, or with why there is none.

    Raises:
        UserError: a suite cannot run here; says why.
    """
    observer.begin(len(chosen), 0)
    for name in sorted({one.cell.suite for one in chosen}):
        places = slots(hardware(name), jobs)
        observer.note(f"{name}: {described(places)}")
        yield from _of_suite([one for one in chosen if one.cell.suite == name], places, observer)


def _of_suite(
    chosen: Sequence[Some], places: Sequence[str], observer: LineObserver
) -> Iterator[tuple[Some, tuple[Record, list[str]] | Crash]]:
    by_key = {one.key: one for one in chosen}
    SCRATCH.mkdir(parents=True, exist_ok=True)  # on the disk of the repository
    remove_abandoned(SCRATCH)
    with scratch_folder(SCRATCH) as scratch:  # of ours, since a job that is killed cannot clean up
        todo = [_job(one, scratch) for one in chosen]
        for key, outcome in run_jobs(todo, places, observer.progress):
            if isinstance(outcome, UserError):
                raise outcome
            yield by_key[key], outcome


def _job(one: Claimed, scratch: Path) -> Job:
    """The sandbox has a time limit of its own; this one ends what hangs around it."""
    arguments = (one.cell, one.suite, scratch)
    return Job(one.key, "benchmark.verifying.again:train_again", arguments, 60 * one.suite.timeout_minutes + GRACE)
