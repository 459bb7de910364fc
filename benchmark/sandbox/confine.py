"""The first code in the process of a stranger's file: takes rights away, then hands over to a trusted module.

``main(send, arguments)`` of that module may then load the stranger's file. The order matters: limits first, and the
files that may be used, which holds for threads to come; then the trusted imports (torch starts threads and maps
libraries); then the seccomp filter; then ``main``.
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
import threading
from contextlib import suppress
from typing import Any

from benchmark.running.preload import preload
from benchmark.sandbox import landlock, seccomp

PR_SET_PDEATHSIG = 1
CAPABILITIES_VERSION, DAC_OVERRIDE = 0x20080522, 1 << 1
NO_CORE = 1  # byte: with 0, Linux still hands all memory to a program that collects such dumps
OPEN_FILES = 1024  # each pipe among them may hold 64 KiB


def main() -> None:
    """Arguments: the message pipe's number, limits and needs as JSON, a module's name, and that module's arguments."""
    pipe, given, module, *arguments = sys.argv[1:]
    settings = json.loads(given)
    die_with_parent()
    drop_capabilities()
    set_limits(settings["address_space"], settings["file_size"])
    if settings["files"]:
        landlock.confine(**settings["files"])
    trusted = preload(module)
    if seccomp.available():
        seccomp.confine(settings["gpu"])
    trusted.main(Messages(int(pipe)).send, arguments)


class Messages:
    """JSON lines to the parent process, over a pipe of their own."""

    def __init__(self, pipe: int) -> None:
        self.file = os.fdopen(pipe, "w", buffering=1, encoding="utf-8")
        self.lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        with self.lock:
            self.file.write(json.dumps(message) + "\n")


def set_limits(address_space: int | None, file_size: int) -> None:
    """Limits in bytes that this process cannot raise again; where a system lacks one, it is passed over."""
    wanted = {resource.RLIMIT_AS: address_space, resource.RLIMIT_FSIZE: file_size, resource.RLIMIT_CORE: NO_CORE}
    wanted |= {resource.RLIMIT_NOFILE: OPEN_FILES}
    for kind, value in wanted.items():
        if value is not None:
            with suppress(OSError, ValueError):
                resource.setrlimit(kind, (_at_most(kind, value),) * 2)


def _at_most(kind: int, value: int) -> int:
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def die_with_parent() -> None:
    """A parent that is killed must leave no stranger running (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def drop_capabilities() -> None:
    """Without bubblewrap, root must not stay root: not over other programs, mounts and modules (Linux).

    It goes on reading files whoever owns them, as a container's root may need to.
    """
    if sys.platform.startswith("linux"):
        libc, header = ctypes.CDLL(None), struct.pack("Ii", CAPABILITIES_VERSION, 0)
        held = ctypes.create_string_buffer(24)  # effective, permitted, inheritable; again for the higher numbers
        if not libc.capget(header, held):
            effective, permitted, *_ = struct.unpack("6I", held.raw)
            libc.capset(header, struct.pack("6I", effective & DAC_OVERRIDE, permitted & DAC_OVERRIDE, 0, 0, 0, 0))
