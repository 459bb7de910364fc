"""A cell that can be stopped: it goes on from its checkpoint, if there is one that it can go on from."""

from collections.abc import Callable
from functools import partial

import torch
from torch.optim import Optimizer

from benchmark.engine.objectives.process_group import ProcessGroup
from benchmark.engine.parallel.stage import Stage
from benchmark.engine.training.method import Method
from benchmark.running import checkpoint
from benchmark.running.cell import follow, how_it_ended, run_cell
from benchmark.running.checkpoint import CannotGoOn
from benchmark.running.keep import Keep, Unfinished
from benchmark.running.keeper import Keeper, Stopped
from benchmark.running.launch import Crash
from benchmark.running.row import Known
from benchmark.running.shared_keeper import SharedKeeper
from benchmark.running.together import as_stage, joined
from benchmark.running.worker import Worker
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite


class Unkept(Keeper):
    """Of a cell whose modules train beside each other: weights are kept in the end, and nothing before."""

    def go_on(self, method: Method, optimizers: dict[int, Optimizer]) -> None:
        """SIGTERM ends the process at once."""

    def _wanted(self) -> bool:
        return False


def run_shared_cell(
    report: Callable[[float | str], None], cell: Cell, suite: Suite, fingerprint: str, keep: Keep, worker: Worker
) -> Record | Unfinished | Crash | None:
    """Train a cell as one of several processes; the first of them returns its record, others how they broke."""
    with joined(worker, suite.device) as group:
        keeper = partial(SharedKeeper, keep, fingerprint, torch.device(suite.device), report, group)
        run = (
            partial(follow, cell, suite, group)
            if group.rank
            else partial(_lead, report, cell, suite, fingerprint, group)
        )
        try:
            try:
                return run(keeper(goes_on=True))
            except CannotGoOn as reason:
                report(f"starts anew: {reason}")
                return run(keeper(goes_on=False))
        except Stopped as reason:
            return Unfinished(str(reason))
        except BaseException as reason:  # as in run_cell: it ends nothing but its own cell
            return Crash(*how_it_ended(reason))


def _lead(
    report: Callable[[float | str], None],
    cell: Cell,
    suite: Suite,
    fingerprint: str,
    group: ProcessGroup,
    keeper: Keeper,
) -> Record:
    return run_cell(report, cell, suite, fingerprint, keeper=keeper, group=group)


def run_parallel_cell(
    report: Callable[[float | str], None], cell: Cell, suite: Suite, fingerprint: str, keep: Keep, worker: Worker
) -> Record | Crash | None:
    """The same, where each process trains a module of the cell; one that is stopped starts anew."""
    with as_stage(worker, suite.device) as stage:
        if stage.number:
            return _followed(cell, suite, stage)
        keeper = Unkept(keep, fingerprint, torch.device(suite.device), report)
        return run_cell(report, cell, suite, fingerprint, keeper=keeper, stage=stage)


def _followed(cell: Cell, suite: Suite, beside: ProcessGroup | Stage) -> Crash | None:
    try:
        follow(cell, suite, beside)
    except BaseException as reason:  # as run_cell: it ends nothing but its own cell
        return Crash(*how_it_ended(reason))
    return None


def run_kept_cell(
    report: Callable[[float | str], None],
    cell: Cell,
    suite: Suite,
    fingerprint: str,
    keep: Keep,
    row: Known | None = None,
) -> Record | Unfinished:
    """As :func:`benchmark.running.cell.run_cell`, in a process that SIGTERM stops between two steps of its training.

    Args:
        report: told the fraction of training that is done, and sentences on what is kept.
        row: what is known of the cell's row.
    """
    keeper = partial(Keeper, keep, fingerprint, torch.device(suite.device), report)
    try:
        try:
            found = checkpoint.read(keep.checkpoint, fingerprint)
            return run_cell(report, cell, suite, fingerprint, keeper=keeper(found), row=row)
        except CannotGoOn as reason:
            report(f"starts anew: {reason}")
            return run_cell(report, cell, suite, fingerprint, keeper=keeper(), row=row)
    except Stopped as reason:
        return Unfinished(str(reason))
