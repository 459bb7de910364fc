"""A cell that was trained, and can be examined. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path

from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite


@dataclass(frozen=True)
class Candidate:
    """All that it takes to see a cell's network."""

    cell: Cell
    suite: Suite  # by which it trained
    fingerprint: str
    record: Record
    folder: Path  # of its kept networks

    @property
    def called(self) -> str:
        """What a person reads of it, the same for no other cell of its suite."""
        return f"{self.record.identity.setting} seed {self.cell.seed}"
