"""A hostile method file: it fills the disk."""

from pathlib import Path

from benchmark import LocalMethod

for number in range(4000):  # without end, but for a test that must survive its own failure
    Path(str(number)).write_bytes(b"x" * int("@BYTES@"))
send({"files": 4000})  # noqa: F821


class Hostile(LocalMethod):
    title = "Hostile: fills the scratch"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
