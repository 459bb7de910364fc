"""What is kept of a cell that is not finished, and how it is told to stop; said here without torch.

A cell that is stopped leaves a checkpoint, from which the next call goes on, and no record.
"""

import signal
import threading
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import FrameType

from benchmark.schema.suite import Suite

NETWORKS = Path(".beyond/networks")  # of cells of tracks, by their fingerprints
MINUTES = 5.0  # between two checkpoints within an epoch


@dataclass(frozen=True)
class Keep:
    """Where a cell's process keeps what it has."""

    checkpoint: Path
    weights: Path | None = None  # of the trained network, in the end
    minutes: float = MINUTES
    networks: Path | None = None  # folder of what examinations are shown, at the suite's moments and in the end


@dataclass(frozen=True)
class Unfinished:
    """The outcome of a cell that was stopped: how far it came, in words."""

    sentence: str


class Stop:
    """Whether this process was asked to stop, which it does between two steps."""

    asked = False

    @classmethod
    def listen(cls) -> None:
        """From now on SIGTERM asks, and ends nothing by itself; only a main thread can listen."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, cls._hear)

    @classmethod
    def _hear(cls, number: int, frame: FrameType | None) -> None:
        cls.asked = True


def moments_after(epochs: int, suite: Suite) -> list[int]:
    """After how many of a training's epochs its network is kept, in order: at the suite's moments, and at the end."""
    return sorted({*(ceil(moment * epochs) for moment in suite.moments or ()), epochs} - {0})


def network_file(folder: Path, epoch: int) -> Path:
    """Where the network after so many epochs is kept."""
    return folder / f"{epoch:08}.safetensors"
