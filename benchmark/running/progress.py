"""What a person sees of a running suite: a bar with the time that is left, and a line per finished cell."""

from collections.abc import Hashable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmark.schema.record import Record
from benchmark.schema.suite import Cell
from benchmark.schema.text import printable

LONGEST_LINE = 2000  # characters


class ProgressBar:
    """An observer of :func:`benchmark.running.run.run_suite` that draws on a console.

    Args:
        counted: whether it says how many cells there are, and not how many percent.
    """

    def __init__(self, title: str, console: Console, counted: bool = True) -> None:
        columns = (
            TextColumn(title),
            BarColumn(),
            MofNCompleteColumn() if counted else TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.progress_bar = Progress(*columns, console=console)
        self.task = self.progress_bar.add_task(title, total=None)
        self.fractions: dict[Hashable, float] = {}
        self.done = 0

    def __enter__(self) -> "ProgressBar":
        self.progress_bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress_bar.stop()

    def begin(self, total: int, done: int) -> None:
        """``done`` of ``total`` cells were finished earlier."""
        if done:
            self.progress_bar.console.print(f"{done} of {total} are finished already.")
        self.done = done
        self.progress_bar.update(self.task, total=total, completed=done)

    def progress(self, cell: Hashable, fraction: float) -> None:
        """A cell has trained this fraction of its epochs."""
        self.fractions[cell] = fraction
        self.progress_bar.update(self.task, completed=self.done + sum(self.fractions.values()))

    def finished(self, cell: Cell, record: Record) -> None:
        """A cell has ended."""
        self.ended(cell, summary(record))

    def note(self, sentence: str) -> None:
        """Something that a person should know."""
        self.progress_bar.console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def ended(self, cell: Hashable, line: str) -> None:
        """A cell has ended; ``line`` says how."""
        self.fractions.pop(cell, None)
        self.done += 1
        self.progress_bar.update(self.task, completed=self.done + sum(self.fractions.values()))
        self.progress_bar.console.print(printable(line, LONGEST_LINE), highlight=False, markup=False, soft_wrap=True)


def summary(record: Record) -> str:
    """One line on a finished cell."""
    i = record.identity
    name = f"{i.setting} seed {i.seed}"
    if record.accuracy is None:
        return f"{name}: {record.status}: {record.error}"
    reached, cost = f"{name}: test {record.accuracy.test_top1:.2f} %", record.cost
    if cost is None:
        return f"{reached}, not trained"
    return (
        f"{reached}, memory {_times(cost.peak_ratio)}, time {_times(cost.time_ratio)}, {cost.train_seconds or 0:.0f} s"
    )


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"x{ratio:.2f}"
