"""A hostile method file: it writes a record of itself."""

from pathlib import Path

from benchmark import LocalMethod

Path("@RESULTS@/forged.json").write_text("99.9 %")  # the test puts the folder's name in


class Hostile(LocalMethod):
    title = "Hostile: writes results"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
