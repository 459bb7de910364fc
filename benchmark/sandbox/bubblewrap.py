"""Bubblewrap: a file system of its own for a stranger's process, and no network; Linux, where ``bwrap`` works.

The interpreter's packages can be read, but not scikit-learn's own file of the digits, which has the test labels.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import benchmark

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/alternatives")
PACKAGE = Path(benchmark.__file__).parent
LIBRARY = "lib/python*/*-packages"
PACKAGES = (
    LIBRARY,
    f"local/{LIBRARY}",
    f"pkgs/*/{LIBRARY}",
    f"envs/*/{LIBRARY}",
)  # below a prefix; the last are conda's
DIGITS = "sklearn/datasets/data/digits.csv.gz"


@cache
def refusal() -> str:
    """Why bubblewrap cannot be used here, in a few words; empty where it can. Tried once, for real."""
    if not shutil.which("bwrap"):
        return "it is not installed"
    probe = [*_isolation(), "--", sys.executable, "-I", "-c", ""]
    try:
        tried = subprocess.run(
            probe, capture_output=True, encoding="utf-8", errors="replace", timeout=20, env={}, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it does not run: {type(error).__name__}"
    words = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
    return f"this system refuses it: {words[-1].removeprefix('bwrap: ')}" if tried.returncode else ""


def wrap(scratch: Path, readable: Sequence[Path] = (), gpu: bool = False) -> list[str]:
    """The start of a command line that runs the rest in bubblewrap, in ``scratch``, its only writable folder.

    With ``gpu`` it also reaches the NVIDIA devices, and reads what the system says of them.
    """
    return [
        *_isolation(),
        *(_nvidia() if gpu else ()),
        *(word for path in readable for word in _read_only(path.absolute())),
        *(word for path in _answers() for word in ("--ro-bind", "/dev/null", str(path))),
        *("--bind", str(scratch), str(scratch), "--chdir", str(scratch)),
        # /proc too: whoever is root in there could else set the kernel's switches in /proc/sys
        *("--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--"),
    ]


def _answers() -> set[Path]:
    """Files of installed packages that hold labels of a test split, under every name that can be seen."""
    prefixes = {name for place in (*_interpreter(), Path("/usr")) for name in (place, place.resolve())}
    return {file for prefix in prefixes for packages in PACKAGES for file in prefix.glob(f"{packages}/{DIGITS}")}


def _interpreter() -> set[Path]:
    return {Path(p) for p in (sys.prefix, sys.base_prefix)} | {Path(sys.executable).resolve().parent.parent}


def _nvidia() -> list[str]:
    devices = sorted(Path("/dev").glob("nvidia*"))
    return [
        *(word for device in devices for word in ("--dev-bind", str(device), str(device))),
        *_read_only(Path("/sys")),
    ]


def readable_places() -> list[Path]:
    """Where the system and the interpreter lie, and this package."""
    places = dict.fromkeys([*map(Path, (*SYSTEM, *SETTINGS)), *_interpreter(), PACKAGE])
    return [path for path in places if os.path.lexists(path)]


def _isolation() -> list[str]:
    """New namespaces (network, processes, mounts ...), and nothing to see but the system and the interpreter."""
    return [
        *(shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--proc", "/proc", "--dev", "/dev"),  # no /tmp: what is written there would be memory that nobody counts
        *(word for path in readable_places() for word in _read_only(path)),
    ]


def _read_only(path: Path) -> list[str]:
    """Bind a path under its own name, and what it points to under that."""
    names = dict.fromkeys([path, path.resolve()])
    return [word for name in names for word in ("--ro-bind", str(path.resolve()), str(name))]
