"""Search the recipe of each method of a suite: many configurations for a share of the epochs, the best for all.

That is successive halving (Jamieson & Talwalkar, AISTATS 2016) with two rungs: of n configurations, tried for a
share s of the epochs, the best s * n are tried for all, 2 * s * n full trainings in sum, the same for every method. It
is searched at the suite's first backbone and largest K, on the validation split, with seeds that evaluation never uses,
and the best full trial is chosen. A trial that was made is not made again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmark.ending import cannot_use
from benchmark.errors import UserError
from benchmark.running.alone import alone_with
from benchmark.running.launch import Crash, Job, run_jobs, run_one
from benchmark.running.leftovers import remove_leftovers
from benchmark.running.observer import LineObserver
from benchmark.running.slots import described, slots
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.protocols import on_trial
from benchmark.schema.suite import PROTOCOL, Cell, Suite, cells, load_suite
from benchmark.schema.text import printable
from benchmark.schema.tuned import TUNED, Configuration, Search, Trial, read_search, search_path, write_search
from benchmark.tuning.space import configurations

KEPT = "trials that ended before are kept"
FINAL = ("ok", "diverged")  # how a trial may end that is not made again


@dataclass(frozen=True)
class Attempt:
    """A trial to be made."""

    method: str
    number: int  # of its configuration
    full: bool


def tune(
    name: str,
    methods: Sequence[str],
    observer: LineObserver,
    folder: Path = TUNED,
    jobs: int | None = None,
    further: int = 0,
) -> list[Search]:
    """Make all trials of the methods' searches that were not made yet; each is written as soon as it ends.

    Args:
        further: so many more configurations are tried for all epochs; they are shown, and never chosen.
        jobs: so many trials side by side; by default one for each core or GPU.

    Raises:
        UserError: the suite cannot run here, or is not tuned.
    """
    suite = load_suite(name)
    if "tuned" not in suite.seeds:
        raise UserError(f"Suite {name!r} is not tuned; it is if its `seeds` say so, as in {{shared: 1, tuned: 3}}.")
    data, gpus = run_one("benchmark.running.preflight:preflight", name, tuple(methods))
    remove_leftovers(folder / name)
    plans = {method: _Plan(name, suite, method, data, folder, further) for method in dict.fromkeys(methods)}
    places = slots(gpus, jobs)
    observer.begin(sum(plan.total for plan in plans.values()), sum(plan.made for plan in plans.values()))
    observer.note(f"{name}: searching with {described(places)}")
    for full in (False, True):
        todo = {attempt: plan for plan in plans.values() for attempt in plan.todo(full)}
        for attempt, trial in _try(todo, places, observer):
            todo[attempt].add(trial)
            observer.ended(attempt, _line(attempt, trial))
    return [plan.search for plan in plans.values()]


class _Plan:
    """The search of one method: which trials it takes, and those that were made."""

    def __init__(self, name: str, suite: Suite, method: str, data: str, folder: Path, further: int) -> None:
        self.suite_name, self.suite, self.method, self.data, self.folder = name, suite, method, data, folder
        own = [cell for cell in cells(name, suite, method) if cell.recipe == "tuned" and not cell.times]
        if not own:
            raise UserError(f"Suite {name!r} does not train {method}.")
        first = own[0]
        k = max(cell.modules for cell in own if cell.backbone == first.backbone)
        self.cell = first.model_copy(update={"modules": k})
        said = method_metadata(plugin_path(METHODS, method))
        budget = suite.tune.configurations
        with self._alone():
            before = read_search(name, method, folder)
            self.asked = budget + further  # configurations; of others, those that were tried are kept
            tried = max((trial.configuration.number + 1 for trial in before.trials), default=0) if before else 0
            self.points = configurations(suite.recipe, said, budget, max(self.asked, tried) - budget)
            self.today = {self._asked(point, full)[2]: point for point in self.points for full in (False, True)}
            self.search = self._begun(before)
            write_search(self.search, folder)

    def _alone(self) -> AbstractContextManager[None]:
        """Inside, no other process changes a search of the suite."""
        return alone_with(search_path(self.suite_name, self.method, self.folder).parent)

    def _begun(self, before: Search | None) -> Search:
        """A search with the trials of an earlier one that would come out the same today."""
        who = self.cell
        return Search(
            suite=who.suite,
            method=who.method,
            variant=who.variant,
            backbone=who.backbone,
            modules=who.modules,
            protocol=PROTOCOL,
            configurations=self.suite.tune.configurations,
            share=self.suite.tune.share,
            trials=self._of_today(before),
        )

    def _of_today(self, found: Search | None) -> list[Trial]:
        """Trials of a search that would come out the same today."""
        return [
            trial.model_copy(update={"configuration": self.today[trial.fingerprint]})
            for trial in (found.trials if found else [])
            if trial.fingerprint in self.today
        ]

    def _asked(self, point: Configuration, full: bool) -> tuple[Cell, Suite, str]:
        """The cell of a trial, the suite by which it trains, and its fingerprint."""
        cell, suite = on_trial(self.suite, self.cell, point, full)
        return cell, suite, fingerprint(cell, suite, self.data)

    @property
    def total(self) -> int:
        """Trials that the search takes."""
        return len(self.points[: self.asked]) + round(self.suite.tune.share * self.suite.tune.configurations)

    @property
    def made(self) -> int:
        """Trials that are not made again."""
        return sum(point.number in self._ended(full) for full in (False, True) for point in self._rung(full))

    def todo(self, full: bool) -> list["Attempt"]:
        """The trials of a rung that are not made yet."""
        ended = self._ended(full)
        return [Attempt(self.method, point.number, full) for point in self._rung(full) if point.number not in ended]

    def _rung(self, full: bool) -> list[Configuration]:
        """What is tried for a share of the epochs, or for all: the promising, and what is asked for beyond them."""
        if not full:
            return self.points[: self.suite.tune.configurations]
        return [*self.search.promising, *self.points[self.suite.tune.configurations : self.asked]]

    def _ended(self, full: bool) -> set[int]:
        return {t.configuration.number for t in self.search.trials if t.full == full and t.status in FINAL}

    def job(self, attempt: "Attempt") -> Job:
        """The trial, to be run in a process of its own."""
        point = self.points[attempt.number]
        arguments = (*self._asked(point, attempt.full), point, attempt.full)
        return Job(attempt, "benchmark.tuning.trial:run_trial", arguments, 60 * self.suite.timeout_minutes)

    def crashed(self, attempt: "Attempt", crash: Crash) -> Trial:
        """The trial of a process that gave no answer."""
        point = self.points[attempt.number]
        cell, suite, asked = self._asked(point, attempt.full)
        return Trial(
            configuration=point,
            full=attempt.full,
            epochs=suite.recipe.epochs,
            seed=cell.seed,
            status=crash.status,
            error=crash.sentence,
            fingerprint=asked,
        )

    def add(self, trial: Trial) -> None:
        """Keep a trial, in place of an earlier one of the same configuration and rung.

        What another process that searches for this method has added since stays, too, unless that reads another suite
        than this one: under one number two configurations cannot stand.

        Raises:
            UserError: it cannot be written, and this one trial is lost.
        """
        try:
            with self._alone():
                self._merge(trial)
        except OSError as error:
            raise UserError(cannot_use(error, kept=KEPT)) from None

    def _merge(self, trial: Trial) -> None:
        there = read_search(self.suite_name, self.method, self.folder)
        further = [t for t in (there.trials if there else []) if t.configuration.number >= len(self.points)]
        found = [*self._of_today(there), *further, *self.search.trials, trial]
        trials = {(t.full, t.configuration.number): t for t in found}
        self.search = self.search.model_copy(update={"trials": [trials[key] for key in sorted(trials)]})
        write_search(self.search, self.folder)


def _try(
    todo: Mapping[Attempt, _Plan], places: Sequence[str], observer: LineObserver
) -> Iterator[tuple[Attempt, Trial]]:
    jobs = [plan.job(attempt) for attempt, plan in todo.items()]
    for attempt, outcome in run_jobs(jobs, places, observer.progress):
        if isinstance(outcome, UserError):
            outcome = Crash("failed", printable(outcome))
        yield attempt, todo[attempt].crashed(attempt, outcome) if isinstance(outcome, Crash) else outcome


def _line(attempt: Attempt, trial: Trial) -> str:
    """One line on a trial."""
    c = trial.configuration
    options = "".join(f" {name}={value}" for name, value in c.options.items())
    what = f"{attempt.method} {c.number} ({c.origin}): {c.recipe['optimizer']} lr {c.recipe['lr']}{options}"
    reached = trial.error if trial.validation_top1 is None else f"validation {trial.validation_top1:.2f} %"
    return f"{what}, {trial.epochs} epochs: {reached}"
