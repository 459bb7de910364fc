"""Who wants to know how a run goes."""

from collections.abc import Hashable
from typing import Protocol

from benchmark.schema.record import Record
from benchmark.schema.suite import Cell


class Observer(Protocol):
    """A progress bar, or what tells of a cell to somebody else."""

    def begin(self, total: int, done: int) -> None:
        """``done`` of ``total`` cells were finished earlier."""

    def progress(self, cell: Cell, fraction: float) -> None:
        """A cell has trained this fraction of its epochs."""

    def finished(self, cell: Cell, record: Record) -> None:
        """A cell has ended."""

    def note(self, sentence: str) -> None:
        """Something that a person should know."""


class LineObserver(Protocol):
    """The same of a search, a verification or an examination, whose ends are said in a line each."""

    def begin(self, total: int, done: int) -> None:
        """``done`` of ``total`` cells or trials were finished earlier."""

    def progress(self, cell: Hashable, fraction: float) -> None:
        """So much of one of them is done."""

    def ended(self, cell: Hashable, line: str) -> None:
        """One of them has ended; ``line`` says how."""

    def note(self, sentence: str) -> None:
        """Something that a person should know."""
