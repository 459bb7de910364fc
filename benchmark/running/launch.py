"""Run many cells on this machine: a process per cell, or several, and as many at once as there are slots.

A process of its own keeps a crash or a hang inside its cell; this process itself never imports torch.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from benchmark.errors import UserError
from benchmark.running.processes import Process
from benchmark.running.slots import VISIBLE, own
from benchmark.running.worker import workers
from benchmark.schema.record import Status

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
    processes: int = 1  # that do it together; each has its `Worker` as one more argument, and the first one answers


@dataclass(frozen=True)
class Crash:
    """A process that ended without an answer."""

    status: Status
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass
class _Running:
    job: Job
    processes: list[Process]
    slot: int
    closing: ExitStack  # what is to be done when it has ended
    started: float = field(default_factory=time.monotonic)
    done: set[Process] = field(default_factory=set)  # whose part is done, while the first one goes on
    broken: tuple[float, Crash] | None = None  # when, and how, the part of one of these ended otherwise

    @property
    def patience_left(self) -> float:
        """Seconds in which its first process may still say what became of it, once another has broken."""
        return self.broken[0] + GRACE - time.monotonic() if self.broken else float("inf")

    def kill(self) -> None:
        """Kill all of its processes, and wait until they are gone."""
        self.closing.close()

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
                    r.kill()  # it is gone, and its GPU free, before its slot is used again
                    running.remove(r)
                    if asked and isinstance(outcome[0], Crash):  # it had nothing to keep
                        continue
                    yield r.job.key, outcome[0]
    finally:
        if not asked:
            _let_stop(running)
        for r in running:
            r.kill()


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
    with ExitStack() as closing:
        if job.processes == 1:
            calls = [(job.arguments, visible)]
        else:
            met = closing.enter_context(workers(job.processes))
            calls = [((*job.arguments, worker), own(visible, worker.local_rank)) for worker in met]
        processes = list[Process]()
        closing.callback(_kill, processes)  # those that have begun, where one cannot be started
        for arguments, seen in calls:
            environment = dict(os.environ) if seen is None else {**os.environ, VISIBLE: seen}
            processes.append(Process(job.function, arguments, environment))
        return _Running(job, processes, slot, closing.pop_all())


def _kill(processes: Sequence[Process]) -> None:
    for process in processes:
        process.kill()


def _ask_to_stop(running: Sequence[_Running]) -> None:
    for r in running:
        if r.job.stops:
            r.processes[0].ask_to_stop()  # which tells the others


def _let_stop(running: Sequence[_Running]) -> None:
    """Ask them to stop, and wait until they have, or have had time to; nobody hears what they answer."""
    _ask_to_stop(running)
    deadline = time.monotonic() + GRACE
    stopping = [process for r in running if r.job.stops for process in r.processes]
    while not all(process.ended for process in stopping) and time.monotonic() < deadline:
        for process in stopping:
            process.answers.read()  # so that none waits for a reader
        time.sleep(0.01)


def _wait(running: Sequence[_Running], deadline: float) -> None:
    """Until something comes of one of them, or the time of one or of all is up."""
    poll = select.poll()
    processes = [process for r in running for process in r.processes if process not in r.done]
    for file in (file for process in processes for file in process.files):
        poll.register(file, select.POLLIN)
    longest = NO_FILE if any(process.end is None for process in processes) else LOOK
    left = [min(r.seconds_left, r.patience_left) for r in running]
    poll.poll(1000 * max(0.0, min(longest, deadline - time.monotonic(), *left)))


def _outcome(
    r: _Running, on_progress: Callable[[Any, float], None], on_note: Callable[[Any, str], None]
) -> tuple[Any] | None:
    """The job's outcome in a tuple, or none while it runs.

    Of several processes the first one answers. Where another has died, what the first one says is but the consequence.
    """
    dead, answer = list[Crash](), None
    for number, process in enumerate(r.processes):
        if process in r.done:
            continue
        ended = process.ended  # before its answers are read: there are no more of them afterwards
        found = _answer(r, process, on_progress, on_note)
        if found and number:
            r.done.add(process)
            if isinstance(found[0], Crash | UserError) and not r.broken:
                r.broken = time.monotonic(), _of(r, number, found[0])
        elif found:
            answer = found
        elif ended:
            dead.append(_of(r, number, Crash("failed", _how_it_ended(process.exit_code))))
    if dead:
        return (dead[0],)
    if r.broken and (r.patience_left <= 0 or (answer and getattr(answer[0], "status", "") == "failed")):
        return (r.broken[1],)
    if r.seconds_left <= 0 and not answer:
        return (Crash("timeout", f"Stopped after {r.job.timeout / 60:g} minutes, the limit of one cell."),)
    return answer


def _answer(
    r: _Running,
    process: Process,
    on_progress: Callable[[Any, float], None],
    on_note: Callable[[Any, str], None],
) -> tuple[Any] | None:
    """What a process has answered, in a tuple; what comes before that is told."""
    for message in process.answers.read():
        match message:
            case ("progress", float(fraction)):
                on_progress(r.job.key, fraction)
            case ("progress", str(sentence)):
                on_note(r.job.key, sentence)
            case ("outcome", answer):
                return (answer,)
    return None


def _of(r: _Running, number: int, fault: Crash | UserError) -> Crash:
    """How a process broke, which is named where there are several."""
    crash = fault if isinstance(fault, Crash) else Crash("failed", str(fault))
    if len(r.processes) == 1:
        return crash
    return replace(crash, sentence=f"Process {number} of 0 to {len(r.processes) - 1}: {crash.sentence}")


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "The cell's process ended without an answer."
    if code >= 0:
        return f"The cell's process ended with exit code {code}, without an answer."
    hint = "; this often means that memory ran out" if -code == signal.SIGKILL else ""
    return f"The cell's process was killed by signal {-code}{hint}."
