"""A hostile method file: it takes memory that no process is seen to have."""

import ctypes
import os
from pathlib import Path

from benchmark import LocalMethod

libc = ctypes.CDLL(None, use_errno=True)
SIZE = 2**20


def checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


attempts = {
    "memfd": lambda: os.memfd_create("hidden"),
    "shmget": lambda: checked(libc.shmget(0, SIZE, 0o1600)),
    "semget": lambda: checked(libc.semget(0, 1, 0o1600)),
    "msgget": lambda: checked(libc.msgget(0, 0o1600)),
    "mq_open": lambda: checked(libc.mq_open(b"/hidden", os.O_RDWR | os.O_CREAT, 0o600, None)),
    "temporary folder": lambda: Path("/", "tmp", "hidden").write_bytes(b"x"),
    "/dev/shm": lambda: Path("/dev/shm/hidden").write_bytes(b"x"),
    "no name": lambda: os.open(".", os.O_RDWR | os.O_TMPFILE),
    "unlinked": lambda: (Path("gone").write_bytes(b"x"), os.unlink("gone")),
    "large pipe": lambda: __import__("fcntl").fcntl(os.pipe()[0], 1031, SIZE),
    "lock": lambda: __import__("fcntl").lockf(os.open("hostile.py", os.O_RDWR), 2, 1, 7),
}
for name, attempt in attempts.items():
    try:
        attempt()
        send({name: "done"})  # noqa: F821
    except OSError as error:
        send({name: type(error).__name__})  # noqa: F821


class Hostile(LocalMethod):
    title = "Hostile: hides memory"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
