"""Cells as jobs of a cluster: each runs `beyond cell`, which keeps its record itself; what dies is handed in again.

The folder in which the command is given is one that all nodes see. Nothing that a job has finished is lost with this
process: its record lies there already. Whoever waits for a cell that cannot end does not wait for ever: a worker that
dies, or of which nothing is heard any more, is replaced, and after some that came no further the cell is *failed*.
"""

import secrets
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from benchmark.errors import UserError
from benchmark.running.executors.executor import Work, to_prepare
from benchmark.running.executors.heartbeat import Beat, read_beat
from benchmark.running.executors.needs import ON_PROCESSOR, Needs, needs_of
from benchmark.running.keep import Unfinished
from benchmark.running.launch import Crash
from benchmark.running.observer import Observer
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.record import Record, read_record
from benchmark.schema.suite import Cell, cells, load_suite
from benchmark.schema.text import printable

JOBS = Path(".beyond/jobs")  # heartbeats, and what a cluster leaves
THIS_SWEEP = secrets.token_hex(4)
CALL = "from benchmark.entry import main; main()"
ANSWERS, OUT_OF_TIME = (0, 1), 124  # exit codes of `beyond cell`: with a record, and stopped by its own limit
TRIES = 3  # workers that may die one after the other, none of which came further than the one before
SILENCE = 15 * 60.0  # seconds without a heartbeat, after which a worker counts as dead
FAREWELL = 30.0  # seconds for jobs that are cancelled to keep what they have
MARGIN = 60.0  # seconds before a job's end at which the cell is stopped
PATIENCE = 10  # seconds in which a file that another machine has written shall be seen here


@dataclass(frozen=True)
class Ended:
    """How a job ended: the command's exit code, or none where nobody heard of it, and a sentence."""

    code: int | None
    sentence: str = ""
    cancelled: bool = False  # by somebody else


class Cluster(Protocol):
    """Slurm, Ray, or whatever takes commands and runs them somewhere."""

    name: str
    poll: float  # seconds between two looks

    def submit(self, name: str, command: Sequence[str], needs: Needs) -> str:
        """Hand a command in; returns the job's id.

        Raises:
            UserError: the cluster does not take it.
        """

    def look(self, jobs: Collection[str]) -> Mapping[str, Ended]:
        """Those of the jobs that have ended."""

    def cancel(self, jobs: Collection[str]) -> None:
        """Let jobs end: SIGTERM first, so that their commands keep what they have."""


@dataclass
class Order:
    """A cell as a job, and what has become of its workers."""

    work: Work
    needs: Needs
    command: Sequence[str]
    jobs: int = 0  # that were handed in
    tries: int = 0  # workers that died since one came further
    fraction: float = 0.0  # of the cell, where the last one died
    spent: float = 0.0  # minutes of workers that stopped at their limit

    @property
    def heartbeat(self) -> Path:
        """Of the present worker; one that is believed dead, or of a sweep that was killed, writes another."""
        return JOBS / f"{self.work.fingerprint}.{THIS_SWEEP}.{self.jobs}.json"

    def forget(self) -> None:
        """Remove what workers of this cell have said, in this sweep and in others."""
        for path in JOBS.glob(f"{self.work.fingerprint}.*.json"):
            path.unlink(missing_ok=True)

    def judged(self, ended: Ended, beat: Beat) -> "Crash | Unfinished | Answered | str":
        """What becomes of the cell when a worker has ended; words: another one goes on, and why."""
        if ended.cancelled:
            return Unfinished("its job was cancelled, so it is left as it is")
        if ended.code in ANSWERS:
            return Answered()
        if ended.code == OUT_OF_TIME:
            self.spent += self.needs.minutes
            limit = self.work.suite.timeout_minutes
            if self.spent >= limit:
                return Crash("timeout", f"Stopped after {limit:g} minutes, the limit of one cell.")
            return f"its {self.needs.minutes:g} minutes were up"
        self.tries = 1 if beat.fraction > self.fraction else self.tries + 1
        self.fraction = max(beat.fraction, self.fraction)
        why = ended.sentence or f"its worker ended with exit code {ended.code}"
        return why if self.tries < TRIES else Crash("failed", printable(f"{TRIES} workers died, the last one: {why}"))


class Answered:
    """The worker says that there is a record."""


@dataclass
class _Running:
    order: Order
    beat: Beat = field(default_factory=Beat)
    heard: float = field(default_factory=time.monotonic)

    def listen(self, on_progress: Callable[[Cell, float], None], on_note: Callable[[Work, str], None]) -> None:
        now = read_beat(self.order.heartbeat)
        if now.number == self.beat.number:
            return
        of_cell = f"{self.order.work.name}: "  # other notes are of the run that the worker is for itself
        for sentence in now.notes[len(self.beat.notes) :]:
            if sentence.startswith(of_cell):
                on_note(self.order.work, sentence.removeprefix(of_cell))
        on_progress(self.order.work.cell, now.fraction)
        self.beat, self.heard = now, time.monotonic()

    def silent(self, limit: float) -> bool:
        """Whether it was heard of once, and then not for long; a job that waits for its turn says nothing."""
        return self.beat.number > 0 and time.monotonic() - self.heard > limit


def sweep(
    orders: Sequence[Order],
    cluster: Cluster,
    on_progress: Callable[[Cell, float], None],
    on_note: Callable[[Work, str], None],
    seconds: float = float("inf"),
    at_once: int | None = None,
    silence: float = SILENCE,
) -> Iterator[tuple[Work, Crash | Unfinished | Answered]]:
    """Yield what becomes of cells as their jobs end.

    When the caller stops listening, or the time is up, jobs are cancelled, and waited for while they keep what they
    have.

    Args:
        seconds: after which no job is handed in.
        at_once: jobs that wait or run.
        silence: seconds without a heartbeat after which a worker counts as dead.

    Raises:
        UserError: the cluster takes no job.
    """
    waiting, running, deadline = deque(orders), dict[str, _Running](), time.monotonic() + seconds
    try:
        while (waiting or running) and time.monotonic() < deadline:
            _submit(waiting, running, cluster, at_once)
            time.sleep(cluster.poll)
            ended = dict(cluster.look(list(running)))
            for job, r in list(running.items()):
                r.listen(on_progress, on_note)
                if job not in ended and r.silent(silence):
                    cluster.cancel([job])
                    ended[job] = Ended(None, f"nothing was heard of its worker for {silence / 60:g} minutes")
                if job in ended:
                    del running[job]
                    outcome = r.order.judged(ended[job], r.beat)
                    r.order.forget()
                    if isinstance(outcome, str):
                        on_note(r.order.work, f"is handed in again: {outcome}")
                        waiting.appendleft(r.order)
                    else:
                        yield r.order.work, outcome
    finally:
        _let_stop(running, cluster)


def _submit(waiting: deque[Order], running: dict[str, _Running], cluster: Cluster, at_once: int | None) -> None:
    while waiting and (at_once is None or len(running) < at_once):
        order = waiting[0]
        order.jobs += 1
        order.forget()
        name = f"beyond-{order.work.fingerprint[:16]}"
        try:
            job = cluster.submit(name, [*order.command, "--heartbeat", str(order.heartbeat)], order.needs)
        except UserError:
            if not running:
                raise
            return  # a cluster lets one have so many jobs; there will be room when one has ended
        running[job] = _Running(waiting.popleft())


def _let_stop(running: Mapping[str, _Running], cluster: Cluster) -> None:
    left, deadline = set(running), time.monotonic() + FAREWELL
    if left:
        cluster.cancel(left)
    while left and time.monotonic() < deadline:
        time.sleep(min(1.0, cluster.poll))
        for job in cluster.look(list(left)):
            running[job].order.forget()
            left.remove(job)


class OnCluster:
    """Trains cells as jobs of a cluster.

    Args:
        asked: what a job needs, where that is not what its suite says.
        at_once: so many jobs; by default all.
    """

    here = False

    def __init__(self, cluster: Cluster, asked: dict[str, float], at_once: int | None = None) -> None:
        self.cluster, self.asked, self.at_once = cluster, asked, at_once

    def train(
        self, work: Sequence[Work], gpus: int, observer: Observer, seconds: float
    ) -> Iterator[tuple[Cell, Record]]:
        """As :meth:`Executor.train`.

        Raises:
            UserError: the cluster takes no job.
        """

        def note(one: Work, sentence: str) -> None:
            observer.note(f"{one.name}: {printable(sentence)}")

        deadline = time.monotonic() + seconds
        self._prepare(work, observer, note, seconds)
        orders = [self._order(one) for one in work]
        if orders:
            observer.note(f"{len(orders)} to train, as jobs of {self.cluster.name}.")
        left = deadline - time.monotonic()
        for one, outcome in sweep(orders, self.cluster, observer.progress, note, left, self.at_once):
            if isinstance(outcome, Unfinished):
                note(one, outcome.sentence)
            else:
                yield one.cell, one.crashed(outcome) if isinstance(outcome, Crash) else _record(one)

    def _prepare(
        self, work: Sequence[Work], observer: Observer, note: Callable[[Work, str], None], seconds: float
    ) -> None:
        """Let what all cells of a row share be found out by jobs without a GPU, before one waits for it."""
        rows = [self._preparing(one) for one in to_prepare(work).values() if one.suite.device != "cpu"]
        if rows:
            observer.note(f"{len(rows)} rows to prepare on processors, as jobs of {self.cluster.name}.")
        for one, outcome in sweep(rows, self.cluster, lambda *_: None, note, seconds, self.at_once):
            if not isinstance(outcome, Answered):
                note(one, "its row is not prepared; its cells find out themselves what they share")

    def _preparing(self, one: Work) -> Order:
        order = self._order(one)
        needs = replace(order.needs, gpus=0, cpus=ON_PROCESSOR[0])
        return Order(one, needs, [*order.command, "--prepare"])

    def _order(self, one: Work) -> Order:
        needs = needs_of(one.suite, one.processes, self.asked)
        return Order(one, needs, command_of(one, max(MARGIN / 2, 60 * needs.minutes - MARGIN)))


def command_of(one: Work, seconds: float) -> list[str]:
    """The `beyond cell` that trains a cell, and stops after so many seconds."""
    cell = one.cell
    method_metadata(plugin_path(METHODS, cell.method))
    alike = [c for c in cells(cell.suite, load_suite(cell.suite), cell.method) if c.protocol == cell.protocol]
    command = [sys.executable, "-c", CALL, "cell", cell.suite, "--method", cell.method, "--protocol", cell.protocol]
    command += ["--index", str(alike.index(cell)), "--time-limit", f"{seconds:g}s"]
    if one.parallel:
        command += ["--parallel", "modules"]
    elif one.processes > 1:
        command += ["--gpus-per-cell", str(one.processes)]
    if one.keep.weights:
        command.append("--keep-weights")
    return command + ["--again"] * one.again


def _record(one: Work) -> Record:
    """What the worker wrote."""
    for _ in range(PATIENCE):
        try:
            record = read_record(one.published)
            if record.fingerprint == one.fingerprint and record.genuine:
                return record
        except (UserError, OSError):
            pass
        time.sleep(1.0)
    changed = "The worker left no record of what was asked for: a file may have changed meanwhile; run it again."
    return one.crashed(Crash("failed", changed))
