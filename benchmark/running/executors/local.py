"""Cells on this machine: a process each, or several, as many at once as there are cores or GPUs."""

import time
from collections.abc import Iterator, Sequence

from benchmark.errors import UserError
from benchmark.running.executors.executor import Work, to_prepare
from benchmark.running.keep import Unfinished
from benchmark.running.launch import Crash, Job, run_jobs
from benchmark.running.observer import Observer
from benchmark.running.row import Known, row_of
from benchmark.running.slots import described, slots
from benchmark.running.worker import Worker
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell
from benchmark.schema.text import printable


class Local:
    """Forks every cell from one process that has imported torch once.

    Args:
        jobs: so many cells side by side; by default one for each core or GPU.
        worker: of this process, which trains the one cell together with others that somebody else has started.
    """

    here = True

    def __init__(self, jobs: int | None = None, worker: Worker | None = None) -> None:
        self.jobs, self.worker = jobs, worker

    def train(
        self, work: Sequence[Work], gpus: int, observer: Observer, seconds: float
    ) -> Iterator[tuple[Cell, Record]]:
        """As :meth:`Executor.train`.

        Raises:
            UserError: this machine has not the GPUs that a cell is to have, or what another process must end for.
        """
        by_cell = {one.cell: one for one in work}
        places = slots(gpus, self.jobs, max((one.processes for one in work), default=1))
        if self.worker:
            places = slots(gpus)[self.worker.local_rank % len(slots(gpus)) :][:1]
        if work:
            together = shared_by(self.worker.size if self.worker else max(one.processes for one in work))
            observer.note(f"{len(work)} to train: {described(places)}{together}")

        def note(cell: Cell, sentence: str) -> None:
            observer.note(f"{by_cell[cell].name}: {printable(sentence)}")

        deadline = time.monotonic() + seconds
        known = prepared(work, slots(0, self.jobs), seconds) if not self.worker else {}
        jobs = [_job(one, self.worker, one.row or known.get(row_of(one.cell))) for one in work]
        for cell, outcome in run_jobs(jobs, places, observer.progress, note, deadline - time.monotonic()):
            if isinstance(outcome, Unfinished):
                note(cell, outcome.sentence)
                continue
            if outcome is None:  # of a process that is not the first one of its cell
                continue
            if isinstance(outcome, UserError):  # its file has become none since the run began
                outcome = Crash("failed", printable(outcome))
            record = by_cell[cell].crashed(outcome) if isinstance(outcome, Crash) else outcome
            if self.worker and self.worker.rank:
                raise UserError(  # torchrun ends the others
                    f"Process {self.worker.rank} of 0 to {self.worker.size - 1}: {record.error}"
                )
            yield cell, record


def prepared(
    work: Sequence[Work], places: Sequence[str | None], seconds: float = float("inf"), pays: bool = True
) -> dict[Cell, Known]:
    """What is found out once for all cells of a row, on processors; a row of which nothing is has cells that say why.

    Args:
        pays: as of :func:`to_prepare`.
    """
    rows = to_prepare(work, pays)
    jobs = [
        Job(row, "benchmark.running.prepare:prepare", (one.cell, one.suite), 60 * one.suite.timeout_minutes)
        for row, one in rows.items()
    ]
    known = {}
    for row, found in run_jobs(jobs, places, seconds=seconds):
        if isinstance(found, Known):
            known[row] = found
            if file := rows[row].row_file:
                found.keep(file)
    return known


def _job(one: Work, worker: Worker | None, row: Known | None) -> Job:
    where, seconds = "benchmark.running.kept_cell:", 60 * one.suite.timeout_minutes
    arguments = one.cell, one.suite, one.fingerprint, one.keep
    if worker:
        return Job(one.cell, f"{where}run_shared_cell", (*arguments, worker), seconds, stops=True)
    if one.processes > 1:
        together = "run_parallel_cell" if one.parallel else "run_shared_cell"
        stops = not one.parallel
        return Job(one.cell, f"{where}{together}", arguments, seconds, stops=stops, processes=one.processes)
    return Job(one.cell, f"{where}run_kept_cell", (*arguments, row), seconds, stops=True)


def shared_by(processes: int) -> str:
    """In words; nothing of one process a cell."""
    return f" Each by {processes} processes." if processes > 1 else ""
