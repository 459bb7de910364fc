"""What runs on a node of a cluster: one command, whose exit code and last words are the job's answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

LOOK = 0.2  # seconds
LEAVE = 30.0  # seconds to end in, for a command whose job was cancelled
HANDED_ON = ("BEYOND_", "OMP_NUM_THREADS")  # what the names of environment variables begin with


def environment() -> dict[str, str]:
    """What a command shall find on its node of the environment that it was ordered in."""
    return {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}


def work(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    """Run a command in a folder until it ends; returns its exit code and the last line of its standard error."""
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # submitit's, near the end; the command knows its time itself
    with TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **variables}, stderr=errors)
        try:
            while process.poll() is None:
                time.sleep(LOOK)
        except BaseException:  # Ray cancels by an exception
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(LEAVE)
            process.kill()
            raise
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()
    print(said, file=sys.stderr)
    return process.returncode, said.rpartition("\n")[2]
