"""How far a cell is, in a file that changes as long as its process lives: what a sweep sees of another machine."""

import json
import os
import signal
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

from rich.console import Console

from benchmark.running.progress import summary
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell
from benchmark.schema.text import printable, write_text

BEAT = 10.0  # seconds


@dataclass
class Beat:
    """What the file says."""

    number: int = 0
    fraction: float = 0.0  # of the epochs
    notes: list[str] = field(default_factory=list)


class Heartbeat:
    """An observer of one cell's run that writes the file, and tells all in lines, for a log.

    The cell is stopped, and keeps what it has, when whoever started this process is gone: another worker goes on.
    """

    def __init__(self, path: Path, console: Console) -> None:
        self.path, self.console, self.beat = path, console, Beat()
        self.parent, self.over = os.getppid(), threading.Event()
        self.thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> "Heartbeat":
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self.thread.join()

    def _go_on(self) -> None:
        while True:
            self.beat.number += 1
            with suppress(OSError):
                write_text(json.dumps(asdict(self.beat)), self.path)
            if self.over.wait(BEAT):
                return
            if os.getppid() != self.parent:
                self.parent = os.getppid()
                os.kill(os.getpid(), signal.SIGTERM)

    def begin(self, total: int, done: int) -> None:
        """Nothing that the cell's end does not say."""

    def progress(self, cell: Cell, fraction: float) -> None:
        """A cell has trained this fraction of its epochs."""
        self.beat.fraction = fraction

    def finished(self, cell: Cell, record: Record) -> None:
        """A cell has ended."""
        self._say(summary(record))

    def note(self, sentence: str) -> None:
        """Something that a person should know."""
        self.beat.notes.append(printable(sentence))
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        self.console.print(printable(sentence), highlight=False, markup=False, soft_wrap=True)


def read_beat(path: Path) -> Beat:
    """What a heartbeat says; number 0 if nothing yet."""
    try:
        return Beat(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Beat()
