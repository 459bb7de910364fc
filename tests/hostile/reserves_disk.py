"""A hostile method file: it reserves the whole disk in a moment, before anybody can look."""

import os

from benchmark import LocalMethod

for number in range(3):  # without end, but for a test that must survive its own failure
    file = os.open(str(number), os.O_CREAT | os.O_WRONLY)
    try:
        os.posix_fallocate(file, 0, 2**24)
    except OSError as error:
        send({"reserved": type(error).__name__})  # noqa: F821
    os.close(file)


class Hostile(LocalMethod):
    title = "Hostile: reserves the disk"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
