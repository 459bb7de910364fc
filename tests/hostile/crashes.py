"""A hostile method file: it writes where it must not, and dies."""

import ctypes

from benchmark import LocalMethod

ctypes.string_at(0)


class Hostile(LocalMethod):
    title = "Hostile: crashes"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
