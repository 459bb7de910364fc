"""Run many cells on this machine: a process per cell, as many at once as there are slots.

A process of its own keeps a crash or a hang inside its cell; this process itself never imports torch.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmark.errors import UserError
from benchmark.running.processes import Process
from benchmark.running.slots import VISIBLE

LOOK = 60.0  # seconds after which it looks again, though nothing has come
GRACE = 20.0  # seconds for a cell to stop by itself, once it was asked to
NO_FILE = 1.0  # the same, where a process's end cannot be waited for


@dataclass
class Job:
    """One call to run in a process of its own: ``function(report, *arguments)``.

    The function is named, ``"package.module:name"``, so that naming it does not import torch here;
    ``report(fraction)`` tells how far it is, ``report(sentence)`` what a person should know. The outcome is what the
    function returned, an
    :class:`UserError` that it raised, or a :class:`Crash`.
    """

    key: Any
    function: str
    arguments: tuple[Any, ...] = ()
    timeout: float = float("inf")  # seconds
    stops: bool = False  # by itself, when it is asked to: it keeps what it has done


@dataclass(frozen=True)
class Crash:
    """A process that ended without an answer."""

    status: Literal["failed", "timeout"]
    sentence: str


@dataclass
class _Running:
    job: Job
    process: Process
    slot: int
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        return self.started + self.job.timeout - time.monotonic()


def run_jobs(
    jobs: Sequence[Job],
    slots: Sequence[str | None],
    on_progress: Callable[[Any, float], None] = lambda key, fraction: None,
    on_note: Callable[[Any, str], None] = lambda key, sentence: None,
    seconds: float = float("inf"),
) -> Iterator[tuple[Any, Any]]:
    """Yield (key, outcome) as jobs end, as many at a time as there are slots.

    When the caller stops listening (an error, Ctrl-C), what still runs is killed, once jobs that stop by themselves
    have done so or have had time to.

    Args:
        seconds: after which no job begins, and those that run are stopped; what does not stop has no outcome.
        slots: what each of them sees as ``CUDA_VISIBLE_DEVICES`` (:mod:`benchmark.running.slots`); none: what is set.
    """
    waiting, running, deadline = list(reversed(jobs)), list[_Running](), time.monotonic() + seconds
    asked = False
    try:
        while waiting or running:
            if time.monotonic() > deadline:
                if asked or not running:  # nobody is left to wait for
                    return
                waiting, asked, deadline = [], True, time.monotonic() + GRACE
                _ask_to_stop(running)
            while waiting and len(running) < len(slots):
                free = min(set(range(len(slots))) - {r.slot for r in running})
                running.append(_start(waiting.pop(), free, slots[free]))
            _wait(running, deadline)
            for r in list(running):
                outcome = _outcome(r, on_progress, on_note)
                if outcome is not None:
                    r.process.kill()  # it is gone, and its GPU free, before its slot is used again
                    running.remove(r)
                    if asked and isinstance(outcome[0], Crash):  # it had nothing to keep
                        continue
                    yield r.job.key, outcome[0]
    finally:
        if not asked:
            _let_stop(running)
        for r in running:
            r.process.kill()


def run_one(function: str, *arguments: Any) -> Any:
    """Run one function in a process of its own and return what it returned.

    Raises:
        UserError: it raised one, or its process crashed.
    """
    ((_, outcome),) = run_jobs([Job(None, function, arguments)], slots=[None])
    if isinstance(outcome, UserError):
        raise outcome
    if isinstance(outcome, Crash):
        raise UserError(outcome.sentence)
    return outcome


def _start(job: Job, slot: int, visible: str | None) -> _Running:
    environment = dict(os.environ) if visible is None else {**os.environ, VISIBLE: visible}
    return _Running(job, Process(job.function, job.arguments, environment), slot)


def _ask_to_stop(running: Sequence[_Running]) -> None:
    for r in running:
        if r.job.stops:
            r.process.ask_to_stop()


def _let_stop(running: Sequence[_Running]) -> None:
    """Ask them to stop, and wait until they have, or have had time to; nobody hears what they answer."""
    _ask_to_stop(running)
    deadline = time.monotonic() + GRACE
    while any(r.job.stops and not r.process.ended for r in running) and time.monotonic() < deadline:
        for r in running:
            r.process.answers.read()  # so that none waits for a reader
        time.sleep(0.01)


def _wait(running: Sequence[_Running], deadline: float) -> None:
    """Until something comes of one of them, or the time of one or of all is up."""
    poll = select.poll()
    for file in (file for r in running for file in r.process.files):
        poll.register(file, select.POLLIN)
    longest = NO_FILE if any(r.process.end is None for r in running) else LOOK
    poll.poll(1000 * max(0.0, min(longest, deadline - time.monotonic(), *(r.seconds_left for r in running))))


def _outcome(
    r: _Running, on_progress: Callable[[Any, float], None], on_note: Callable[[Any, str], None]
) -> tuple[Any] | None:
    """The job's outcome in a tuple, or none while it runs."""
    ended = r.process.ended  # before its answers are read: there are no more of them afterwards
    for message in r.process.answers.read():
        match message:
            case ("progress", float(fraction)):
                on_progress(r.job.key, fraction)
            case ("progress", str(sentence)):
                on_note(r.job.key, sentence)
            case ("outcome", answer):
                return (answer,)
    if ended:
        return (Crash("failed", _how_it_ended(r.process.exit_code)),)
    if r.seconds_left <= 0:
        return (Crash("timeout", f"Stopped after {r.job.timeout / 60:g} minutes, the limit of one cell."),)
    return None


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "The cell's process ended without an answer."
    if code >= 0:
        return f"The cell's process ended with exit code {code}, without an answer."
    hint = "; this often means that memory ran out" if -code == signal.SIGKILL else ""
    return f"The cell's process was killed by signal {-code}{hint}."
