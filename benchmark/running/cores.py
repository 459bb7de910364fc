"""How many cores this process may use: the machine's, less what affinity and a container's quota take away."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cores(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Cores that this process may use, at least one; half a core of a quota is none."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([allowed, *quotas(cgroups, membership)])))


def quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """The CPU quotas of this process's control groups and of those around them, in cores."""
    for folder in _folders(cgroups, membership):
        with suppress(OSError, ValueError, ZeroDivisionError):  # version 2: "150000 100000", or "max 100000"
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
            yield int(quota) / int(period)
        with suppress(OSError, ValueError, ZeroDivisionError):  # version 1; -1 is no quota
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period")
            )
            if int(quota) > 0:
                yield int(quota) / int(period)


def _folders(cgroups: Path, membership: Path) -> Iterator[Path]:
    """Folders that may hold a quota: from the process's own group up to the top, in both versions' places."""
    lines = [":cpu:/", "::/"]  # in a container the path is often that of the host, which cannot be seen from in here
    with suppress(OSError):
        lines += membership.read_text(encoding="utf-8").splitlines()
    found = dict[Path, None]()
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        tops = [cgroups / controllers, cgroups / "cpu"] if controllers else [cgroups, cgroups / "unified"]
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for top in tops:
            found.update(dict.fromkeys(top.joinpath(*parts[:n]) for n in range(len(parts), -1, -1)))
    yield from found
