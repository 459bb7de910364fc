"""A cell that can be stopped: it goes on from its checkpoint, if there is one that it can go on from."""

from collections.abc import Callable
from functools import partial

import torch
from torch.optim import Optimizer

from benchmark.engine.objectives.team import Team
from benchmark.engine.parallel.lane import Lane
from benchmark.engine.training.method import Method
from benchmark.running import checkpoint
from benchmark.running.cell import follow, how_it_ended, run_cell
from benchmark.running.checkpoint import CannotGoOn
from benchmark.running.keep import Keep, Unfinished
from benchmark.running.keeper import Keeper, Stopped
from benchmark.running.launch import Crash
from benchmark.running.row import Known
from benchmark.running.seat import Seat
from benchmark.running.shared_keeper import SharedKeeper
from benchmark.running.together import in_lanes, joined
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite


class Unkept(Keeper):
    """Of a cell whose modules train beside each other: weights are kept in the end, and nothing before."""

    def go_on(self, method: Method, optimizers: dict[int, Optimizer]) -> None:
        """SIGTERM ends the process at once."""

    def _wanted(self) -> bool:
        return False


def run_shared_cell(
    report: Callable[[float | str], None], cell: Cell, suite: Suite, fingerprint: str, keep: Keep, seat: Seat
) -> Record | Unfinished | Crash | None:
    """Train a cell as one of several processes; the first of them returns its record, others how they broke."""
    with joined(seat, suite.device) as team:
        keeper = partial(SharedKeeper, keep, fingerprint, torch.device(suite.device), report, team)
        run = (
            partial(follow, cell, suite, team) if team.rank else partial(_lead, report, cell, suite, fingerprint, team)
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
    report: Callable[[float | str], None], cell: Cell, suite: Suite, fingerprint: str, team: Team, keeper: Keeper
) -> Record:
    return run_cell(report, cell, suite, fingerprint, keeper=keeper, team=team)


def run_parallel_cell(
    report: Callable[[float | str], None], cell: Cell, suite: Suite, fingerprint: str, keep: Keep, seat: Seat
) -> Record | Crash | None:
    """The same, where each process trains a module of the cell; one that is stopped starts anew."""
    with in_lanes(seat, suite.device) as lane:
        if lane.lane:
            return _followed(cell, suite, lane)
        keeper = Unkept(keep, fingerprint, torch.device(suite.device), report)
        return run_cell(report, cell, suite, fingerprint, keeper=keeper, lane=lane)


def _followed(cell: Cell, suite: Suite, beside: Team | Lane) -> Crash | None:
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
