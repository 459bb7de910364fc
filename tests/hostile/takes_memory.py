"""A hostile method file: it takes all memory."""

import mmap

from benchmark import LocalMethod

kept = []
while True:
    kept.append(mmap.mmap(-1, 2**26))
    kept[-1].write(b"x" * 2**26)


class Hostile(LocalMethod):
    title = "Hostile: takes memory"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
