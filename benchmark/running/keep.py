"""What is kept of a cell that is not finished, and how it is told to stop; said here without torch.

A cell that is stopped leaves a checkpoint, from which the next call goes on, and no record.
"""

import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

MINUTES = 5.0  # between two checkpoints within an epoch


@dataclass(frozen=True)
class Keep:
    """Where a cell's process keeps what it has."""

    checkpoint: Path
    weights: Path | None = None  # of the trained network, in the end
    minutes: float = MINUTES


@dataclass(frozen=True)
class Unfinished:
    """The outcome of a cell that was stopped: how far it came, in words."""

    sentence: str


class Stop:
    """Whether this process was asked to stop, which it does between two steps."""

    asked = False

    @classmethod
    def listen(cls) -> None:
        """From now on SIGTERM asks, and ends nothing by itself."""
        signal.signal(signal.SIGTERM, cls._hear)

    @classmethod
    def _hear(cls, number: int, frame: FrameType | None) -> None:
        cls.asked = True
