"""Run many cells on this machine: a process per cell, as many at once as there are cores or GPUs.

A process of its own keeps a crash or a hang inside its cell. Processes are forked from a server that has
imported torch once, so that a cell starts in milliseconds; this process itself never imports torch.
"""

import multiprocessing
import os
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from typing import Any, Literal

from benchmark.errors import UserError


@dataclass
class Job:
    """One call to run in a process of its own: ``function(report, *arguments)``.

    The function is named, ``"package.module:name"``, so that naming it does not import torch here;
    ``report(fraction)`` tells how far it is. The outcome is what the function returned, an
    :class:`UserError` that it raised, or a :class:`Crash`.
    """

    key: Any
    function: str
    arguments: tuple[Any, ...] = ()
    timeout: float = float("inf")  # seconds


@dataclass(frozen=True)
class Crash:
    """A process that ended without an answer."""

    status: Literal["failed", "timeout"]
    sentence: str


@dataclass
class _Running:
    job: Job
    process: Any
    connection: Connection
    slot: int
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        return self.started + self.job.timeout - time.monotonic()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    jobs: Sequence[Job],
    slots: int,
    gpus: bool = False,
    on_progress: Callable[[Any, float], None] = lambda key, fraction: None,
) -> Iterator[tuple[Any, Any]]:
    """Yield (key, outcome) as jobs end, ``slots`` at a time; with ``gpus`` a slot is a GPU.

    When the caller stops listening (an error, Ctrl-C), what still runs is killed.
    """
    context = _server()
    waiting, running = list(reversed(jobs)), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < slots:
                slot = min(set(range(slots)) - {r.slot for r in running})
                running.append(_start(context, waiting.pop(), slot, gpus))
            patience = min(r.seconds_left for r in running)
            ready = wait([r.connection for r in running], max(0.0, min(patience, 3600.0)))
            for r in list(running):
                outcome = _outcome(r, r.connection in ready, on_progress)
                if outcome is not None:
                    running.remove(r)
                    yield r.job.key, outcome[0]
    finally:
        for r in running:
            r.process.kill()


def run_one(function: str, *arguments: Any) -> Any:
    """Run one function in a process of its own and return what it returned.

    Raises:
        UserError: it raised one, or its process crashed.
    """
    ((_, outcome),) = run_jobs([Job(None, function, arguments)], slots=1)
    if isinstance(outcome, UserError):
        raise outcome
    if isinstance(outcome, Crash):
        raise UserError(outcome.sentence)
    return outcome


def _server() -> ForkServerContext:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmark.running.cell"])
    return context


def _start(context: ForkServerContext, job: Job, slot: int, gpus: bool) -> _Running:
    ours, theirs = context.Pipe(duplex=False)
    arguments = (theirs, slot if gpus else None, job.function, job.arguments)
    process = context.Process(target=_child, args=arguments, daemon=True)
    process.start()
    theirs.close()
    return _Running(job, process, ours, slot)


def _outcome(r: _Running, ready: bool, on_progress: Callable[[Any, float], None]) -> tuple[Any] | None:
    """The job's outcome in a tuple, or none while it runs."""
    if not ready:
        if r.seconds_left > 0:
            return None
        r.process.kill()
        return (Crash("timeout", f"Stopped after {r.job.timeout / 60:g} minutes, the limit of one cell."),)
    try:
        kind, value = r.connection.recv()
    except EOFError:
        r.process.join()
        code = r.process.exitcode
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
        return (Crash("failed", f"The cell's process {how}; signal 9 often means that memory ran out."),)
    if kind == "progress":
        on_progress(r.job.key, value)
        return None
    return (value,)


def _child(connection: Connection, gpu: int | None, function: str, arguments: tuple[Any, ...]) -> None:
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(KeyboardInterrupt):
        try:
            answer = pkgutil.resolve_name(function)(
                lambda fraction: connection.send(("progress", fraction)), *arguments
            )
        except UserError as error:
            answer = error
        connection.send(("outcome", answer))


def _die_with_parent() -> None:
    """End this process when the one that asked for it is gone: kill -9 must leave no orphan training."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
