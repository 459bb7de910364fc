"""A hostile method file: it lets the kernel send signals to others, on input or at its death."""

import ctypes
import fcntl
import os
import signal
import struct

from benchmark import LocalMethod

VICTIM = int("@PID@")  # the test starts it
PR_SET_PDEATHSIG, F_NOTIFY, FIOASYNC, FIOSETOWN = 1, 1026, 0x5452, 0x8901
libc = ctypes.CDLL(None, use_errno=True)


def dies() -> None:
    if libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


reading, writing = os.pipe()
folder = os.open(".", os.O_RDONLY)
flags = fcntl.fcntl(reading, fcntl.F_GETFL)
attempts = {
    "owner": lambda: fcntl.fcntl(reading, fcntl.F_SETOWN, VICTIM),
    "any owner": lambda: fcntl.fcntl(reading, 15, struct.pack("ii", 1, VICTIM)),
    "signal": lambda: fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGKILL),
    "asynchronous": lambda: fcntl.fcntl(reading, fcntl.F_SETFL, flags | os.O_ASYNC),
    "lease": lambda: fcntl.fcntl(os.open("hostile.py", os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK),
    "notify": lambda: fcntl.fcntl(folder, F_NOTIFY, 2),
    "by ioctl": lambda: fcntl.ioctl(reading, FIOASYNC, struct.pack("i", 1)),
    "owner by ioctl": lambda: fcntl.ioctl(reading, FIOSETOWN, struct.pack("i", VICTIM)),
    "outlives": dies,
}
for name, attempt in attempts.items():
    try:
        attempt()
        send({name: "done"})  # noqa: F821
    except OSError as error:
        send({name: type(error).__name__})  # noqa: F821
os.write(writing, b"now")


class Hostile(LocalMethod):
    title = "Hostile: signals by events"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
