"""End a process together with all that it started, in whatever group or session they are."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def kill_tree(root: int, itself: bool = True) -> None:
    """Kill (signal 9) all descendants of a process; and itself, with its group, last."""
    for pid in descendants(root):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    if itself:
        for kill in (os.killpg, os.kill):
            with suppress(OSError):
                kill(root, signal.SIGKILL)


def descendants(root: int) -> list[int]:
    """Ids of all processes below one, as far as /proc tells; none where there is no /proc."""
    parents = dict[int, int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            parents[int(stat.parent.name)] = int(
                stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
            )
    found, waiting = list[int](), [root]
    while waiting:
        parent = waiting.pop()
        children = [pid for pid, its in parents.items() if its == parent]
        found += children
        waiting += children
    return found


def ended(pid: int) -> bool:
    """Whether a process runs no more; its parent may not have noticed yet."""
    return state(pid) in ("", "Z", "X")


def state(pid: int) -> str:
    """One letter as in ``ps``: R, S, T (stopped), Z (ended) ...; empty if there is no such process or no /proc."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    return ""
