"""The first code in the process of a stranger's file: takes rights away, then hands over to a trusted module.

``main(send, arguments)`` of that module may then load the stranger's file. The order matters: limits first; then the
trusted imports (torch starts threads and maps libraries); then the seccomp filter; then ``main``.
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

from benchmark.sandbox import seccomp

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Arguments: the message pipe's number, the limits as JSON, a module's name, and that module's arguments."""
    pipe, limits, module, *arguments = sys.argv[1:]
    die_with_parent()
    set_limits(**json.loads(limits))
    trusted = importlib.import_module(module)
    if seccomp.available():
        seccomp.confine()
    trusted.main(Messages(int(pipe)).send, arguments)


class Messages:
    """JSON lines to the parent process, over a pipe of their own."""

    def __init__(self, pipe: int) -> None:
        self.file = os.fdopen(pipe, "w", buffering=1)
        self.lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        with self.lock:
            self.file.write(json.dumps(message) + "\n")


def set_limits(address_space: int | None, file_size: int) -> None:
    """Limits in bytes that this process cannot raise again; where a system lacks one, it is passed over."""
    wanted = {resource.RLIMIT_AS: address_space, resource.RLIMIT_FSIZE: file_size, resource.RLIMIT_CORE: 0}
    for kind, value in wanted.items():
        if value is not None:
            with suppress(OSError, ValueError):
                resource.setrlimit(kind, (value, value))


def die_with_parent() -> None:
    """A parent that is killed must leave no stranger running (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
