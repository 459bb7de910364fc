"""A control group of its own for a stranger's processes, where we may make one: Linux with cgroup v2, handed down.

It counts what no sum over processes shows (kernel memory, pages in memory-backed folders), and it refuses the thread
too many before it is there. It may be made where a session manager delegates groups to users, and by root; not in most
containers, nor with cgroup v1. The sums of :mod:`benchmark.sandbox.usage` hold with it and without.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
JOIN = 'echo $$ > "$0"; exec "$@"'  # before the program starts, so that all of it is counted
DYING = 5.0  # seconds for killed processes to leave


class Group:
    """A folder of the control-group file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def joined(self, command: list[str]) -> list[str]:
        """The command, run in this group."""
        return ["/bin/sh", "-c", JOIN, str(self.folder / "cgroup.procs"), *command]

    @property
    def ran_out(self) -> bool:
        """Whether the kernel killed a process in it for want of memory."""
        with suppress(OSError):
            return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in self._read("memory.events"))
        return False

    def limit(self, memory: int, threads: int) -> None:
        """Set limits (bytes, threads).

        Raises:
            OSError: the group has no such controllers.
        """
        for name, value in (("memory.max", memory), ("pids.max", threads)):
            self._write(name, value)
        for name, value in (("memory.swap.max", 0), ("memory.oom.group", 1)):
            with suppress(OSError):
                self._write(name, value)

    def end(self) -> None:
        """Kill what is in it, wait, and remove it."""
        with suppress(OSError):
            self._write("cgroup.kill", 1)
        given_up = time.monotonic() + DYING
        while self.folder.exists() and time.monotonic() < given_up:
            with suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.01)

    def _read(self, name: str) -> list[str]:
        return (self.folder / name).read_text(encoding="utf-8").splitlines()

    def _write(self, name: str, value: int) -> None:
        with (self.folder / name).open("r+", encoding="utf-8") as file:  # never makes a file of that name
            file.write(str(value))


@contextmanager
def own_group(memory: int, threads: int) -> Iterator[Group | None]:
    """A new group with these limits (bytes, threads), beside or below our own; none where it cannot be made."""
    group = next(filter(None, (_made(place, memory, threads) for place in _places())), None)
    try:
        yield group
    finally:
        if group:
            group.end()


def _places() -> list[Path]:
    """Where a group may be made: beside our own, since one with processes hands no controllers down, or below it."""
    try:
        paths = [line[3:] for line in OWN.read_text(encoding="utf-8").splitlines() if line.startswith("0::/")]
    except OSError:
        return []
    if not (ROOT / "cgroup.controllers").exists():  # v1
        return []
    own = [ROOT / path.lstrip("/") for path in paths if ".." not in path]
    return [place for group in own for place in ((group,) if group == ROOT else (group.parent, group))]


def _made(place: Path, memory: int, threads: int) -> Group | None:
    group = Group(place / f"beyond-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        group.folder.mkdir()
    except OSError:
        return None
    try:
        group.limit(memory, threads)
    except OSError:
        group.end()
        return None
    return group
