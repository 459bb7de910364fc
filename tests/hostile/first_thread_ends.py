"""A hostile method file: its first thread ends, so that the process shows no memory, and another takes it."""

import ctypes
import mmap
import threading
import time

from benchmark import LocalMethod

EXIT = {"x86_64": 60, "aarch64": 93}["@MACHINE@"]  # of one thread


def take() -> None:
    time.sleep(0.5)
    kept = mmap.mmap(-1, 2**29)
    for start in range(0, 2**29, 2**20):
        kept[start : start + 2**20] = b"x" * 2**20
    time.sleep(30)


threading.Thread(target=take).start()
ctypes.CDLL(None).syscall(EXIT, 0)


class Hostile(LocalMethod):
    title = "Hostile: first thread ends"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
