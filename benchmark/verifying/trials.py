"""``beyond verify --trials``: make trials of searches again, since what a search says chose the recipes of tuned rows.

A configuration that the suite's searches do not draw is found without training. A trial's accuracy is of the
validation split, whose labels a training has, so it is what the method's file says of itself: as with memory, a person
reads the file. Nothing is written: standings on the board are those of records.
"""

import random
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from benchmark.errors import UserError
from benchmark.running.launch import Crash
from benchmark.running.observer import LineObserver
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.protocols import on_trial
from benchmark.schema.record import Record
from benchmark.schema.suite import PROTOCOL, Cell, Suite
from benchmark.schema.tuned import TUNED, Search, Trial, search_path
from benchmark.tables.tuning import read_searches
from benchmark.tables.verification import CEILING
from benchmark.tuning.space import not_drawn
from benchmark.verifying.all_again import EXHAUSTED, some, suites_asked, train_all_again

DECIDED = ("ok", "diverged")  # what a trial can end with that says something of its configuration


@dataclass(frozen=True)
class Tried:
    """A trial that can be made again."""

    cell: Cell
    suite: Suite
    trial: Trial

    @property
    def key(self) -> Hashable:
        """No other trial of the suite is of it."""
        return self.cell, self.trial.configuration.number

    def __str__(self) -> str:
        rung = "all" if self.trial.full else "a share of the"
        return f"{self.cell.suite} {self.cell.method} configuration {self.trial.configuration.number}, {rung} epochs"


def trials(suites: Sequence[str], methods: Sequence[str]) -> tuple[list[Tried], list[str], list[str]]:
    """The trials that can be made again, a sentence for each search of which none can, and one for each forged one.

    Args:
        suites: names; none means all.
        methods: ids; none means all.

    Raises:
        UserError: there is no such suite or method, or no trial of them.
    """
    defined = suites_asked(suites, methods)
    found, unfit, forged = list[Tried](), list[str](), list[str]()
    for search in read_searches(TUNED):
        if search.suite in defined and (not methods or search.method in methods):
            try:
                odd = _forged(search, defined[search.suite])
            except UserError as reason:
                unfit.append(_about(search, str(reason)))
                continue
            forged += [_about(search, odd)] if odd else []
            found += [] if odd else _of_search(search, defined[search.suite])
    if not forged:
        some(found, unfit or ["There is no search of such a suite and method."])
    return found, unfit, forged


def _about(search: Search, sentence: str) -> str:
    return f"{search_path(search.suite, search.method)}: {sentence}"


def _forged(search: Search, suite: Suite) -> str | None:
    """What ``beyond tune`` does not write, in a sentence; none if it can have written all.

    Raises:
        UserError: nobody can tell today; says why.
    """
    if search.protocol != PROTOCOL:
        raise UserError(f"it is of protocol {search.protocol}, the engine of {PROTOCOL}; tune its suite again.")
    odd = not_drawn(search, suite.recipe, method_metadata(plugin_path(METHODS, search.method)))
    if odd is None:
        return None
    return (
        f"its configuration {odd.number} is none that the searches of {search.suite} try; "
        "the suite or the method's file has changed since, or somebody wrote it."
    )


def _of_search(search: Search, suite: Suite) -> list[Tried]:
    return [
        Tried(*on_trial(suite, search.cell, trial.configuration, trial.full), trial)
        for trial in search.trials
        if trial.status in DECIDED
    ]


def sample(found: Sequence[Tried], size: int) -> list[Tried]:
    """``size`` of the trials at random, unpredictably."""
    return random.SystemRandom().sample(list(found), min(size, len(found)))


def verify_trials(chosen: Sequence[Tried], observer: LineObserver, jobs: int | None = None) -> Iterator[str | None]:
    """Make each trial again; yields what differs too much in a sentence, or nothing, as they end.

    What ran out of memory or time here is told to the observer, and yields nothing.

    Raises:
        UserError: a suite cannot run here; says why.
    """
    for tried, outcome in train_all_again(chosen, observer, jobs):
        status, reached, error = _ended(outcome)
        if status in EXHAUSTED:
            observer.ended(tried.key, f"{tried}: no outcome: {error}")
            continue
        fault = _disagreement(tried.trial, status, reached)
        again, before = _said(status, reached), _said(tried.trial.status, tried.trial.validation_top1)
        line = f"{tried}: {'failed' if fault else 'verified'}: validation {again} again, recorded {before}."
        observer.ended(tried.key, f"{line} {fault}" if fault else line)
        yield fault


def _ended(outcome: tuple[Record, list[str]] | Crash) -> tuple[str, float | None, str | None]:
    """How it ended, at which validation accuracy, and what went wrong."""
    if isinstance(outcome, Crash):
        return outcome.status, None, outcome.sentence
    record, _ = outcome
    return record.status, record.accuracy.validation_top1 if record.accuracy else None, record.error


def _disagreement(trial: Trial, status: str, reached: float | None) -> str | None:
    """In a sentence. A trial does not say where it was made: elsewhere accuracies differ by :data:`CEILING` points."""
    if status != trial.status:
        return f"It ended {status}, and was {trial.status}."
    if trial.validation_top1 is None or reached is None:
        return None
    apart = abs(reached - trial.validation_top1)
    if apart > CEILING:
        return f"They differ by {apart:.2f} points, and may by {CEILING:g}."
    return None


def _said(status: str, top1: float | None) -> str:
    return status if top1 is None else f"{top1:.2f} %"
