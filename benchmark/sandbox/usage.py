"""What a stranger's processes use: memory and threads, from /proc, and what they wrote into a folder.

Resident memory alone can be evaded: what is swapped out, page tables, huge pages and open files without a name are no
part of it, and a process whose first thread has ended shows none at all while the others go on.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmark.running.tree import descendants

MEMORY = re.compile(rb"^(?:VmRSS|VmSwap|VmPTE|HugetlbPages):\s*(\d+) kB", re.MULTILINE)
THREADS = re.compile(rb"^Threads:\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Usage:
    """Of a process and all that it started."""

    memory: int  # bytes
    threads: int


@dataclass(frozen=True)
class Stored:
    """What lies below a folder."""

    bytes: int  # on the disk
    entries: int


def family(root: int) -> set[int]:
    """A process and all that it started, as far as they have not been adopted; itself alone without /proc."""
    return {root, *descendants(root)}


def usage(root: int) -> Usage:
    """What a process and all that it started use; nothing where there is no /proc."""
    processes = family(root)
    statuses = [_status(pid) for pid in processes]
    memory = sum(1024 * int(size) for status in statuses for size in MEMORY.findall(status))
    return Usage(
        memory + sum(map(_nameless, processes)), sum(int(n) for status in statuses for n in THREADS.findall(status))
    )


def _status(pid: int) -> bytes:
    """What the kernel says of a process; of one of its other threads, if the first has ended."""
    status = b""
    for file in (Path(f"/proc/{pid}/status"), *_tasks(pid)):
        with suppress(OSError):
            status = file.read_bytes()
        if b"\nVmRSS:" in status:
            break
    return status


def _nameless(pid: int) -> int:
    """Bytes of the files that it holds open and that no folder shows: in memory, or on the disk."""
    sizes = dict[tuple[int, int], int]()
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as opened:
        for file in opened:
            with suppress(OSError):
                said = file.stat()
                if stat.S_ISREG(said.st_mode) and not said.st_nlink:
                    sizes[said.st_dev, said.st_ino] = 512 * said.st_blocks
    return sum(sizes.values())


def _tasks(pid: int) -> Iterator[Path]:
    yield from Path(f"/proc/{pid}/task").glob("[0-9]*/status")


def stored(folder: Path, most: int) -> Stored:
    """What lies below a folder; counting ends at ``most`` entries. What cannot be read counts for nothing."""
    size, entries, waiting = 0, 0, [os.fspath(folder)]
    while waiting and entries < most:
        with suppress(OSError), os.scandir(waiting.pop()) as found:
            for entry in found:
                entries += 1
                with suppress(OSError):
                    size += 512 * entry.stat(follow_symlinks=False).st_blocks
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                if entries >= most:
                    break
    return Stored(size, entries)
