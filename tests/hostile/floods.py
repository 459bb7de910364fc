"""A hostile method file: it sends without end."""

import os

from benchmark import LocalMethod

pipe = send.__self__.file.fileno()  # noqa: F821
while True:
    os.write(pipe, b"@LINE@" * 2**14)


class Hostile(LocalMethod):
    title = "Hostile: floods"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
