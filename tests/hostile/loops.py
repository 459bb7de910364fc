"""A hostile method file: it never ends."""

from benchmark import LocalMethod

while True:
    pass


class Hostile(LocalMethod):
    title = "Hostile: loops"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
