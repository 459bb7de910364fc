"""A cell that can be stopped: it goes on from its checkpoint, if there is one that it can go on from."""

from collections.abc import Callable
from functools import partial

import torch

from benchmark.running import checkpoint
from benchmark.running.cell import run_cell
from benchmark.running.checkpoint import CannotGoOn
from benchmark.running.keep import Keep, Unfinished
from benchmark.running.keeper import Keeper, Stopped
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite


def run_kept_cell(
    report: Callable[[float | str], None], cell: Cell, suite: Suite, fingerprint: str, keep: Keep
) -> Record | Unfinished:
    """As :func:`benchmark.running.cell.run_cell`, in a process that SIGTERM stops between two steps of its training.

    Args:
        report: told the fraction of training that is done, and sentences on what is kept.
    """
    keeper = partial(Keeper, keep, fingerprint, torch.device(suite.device), report)
    try:
        try:
            found = checkpoint.read(keep.checkpoint, fingerprint)
            return run_cell(report, cell, suite, fingerprint, keeper=keeper(found))
        except CannotGoOn as reason:
            report(f"starts anew: {reason}")
            return run_cell(report, cell, suite, fingerprint, keeper=keeper())
    except Stopped as reason:
        return Unfinished(str(reason))
