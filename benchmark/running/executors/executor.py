"""What a run asks of whoever trains its cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmark.running.keep import Keep
from benchmark.running.launch import Crash
from benchmark.running.observer import Observer
from benchmark.running.row import Known, rows
from benchmark.schema.record import Identity, Record
from benchmark.schema.suite import Cell, Suite


@dataclass(frozen=True)
class Work:
    """A cell that shall be trained, and what is known of it before."""

    cell: Cell
    suite: Suite  # with the recipe that trains this cell
    identity: Identity
    fingerprint: str
    keep: Keep
    published: Path  # of its record
    processes: int = 1  # that train it together
    parallel: bool = False  # each of them a module of its own
    again: bool = False  # though it is finished
    row: Known | None = None  # what another cell of its row tells
    row_file: Path | None = None  # where that is kept, as soon as it is found out

    @property
    def name(self) -> str:
        """``dgl cifar_resnet8 K=2 seed 0``."""
        return f"{self.identity.setting} seed {self.cell.seed}"

    def crashed(self, crash: Crash) -> Record:
        """The record of a cell that could not write one itself."""
        return Record(identity=self.identity, status=crash.status, error=crash.sentence, fingerprint=self.fingerprint)


def to_prepare(work: Sequence[Work], pays: bool = True) -> dict[Cell, Work]:
    """A cell of each row of which something is to be found out that nobody has told.

    Several processes that share a cell meter their share.

    Args:
        pays: only of rows where it saves something: a GPU would wait meanwhile, or there are several cells.
    """
    alone = {
        one.cell: one
        for one in work
        if one.processes == 1 and not one.row and not one.keep.checkpoint.exists()  # which knows it
    }
    first = {row: (alone[its[0]], len(its)) for row, its in rows(alone).items()}
    return {row: one for row, (one, seeds) in first.items() if not pays or seeds > 1 or one.suite.device != "cpu"}


class Executor(Protocol):
    """Trains cells somewhere."""

    here: bool  # on this machine, which then must have the hardware that a suite names

    def train(
        self, work: Sequence[Work], gpus: int, observer: Observer, seconds: float
    ) -> Iterator[tuple[Cell, Record]]:
        """The records of cells that end; of one that is stopped or cancelled there is none.

        Args:
            work: in the order in which the cells shall begin.
            gpus: how many this machine has.
            seconds: after which no cell begins, and those that are under way are stopped and kept.
        """
