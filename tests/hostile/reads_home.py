"""A hostile method file: it reads a secret in the home folder and tells it."""

from pathlib import Path

from benchmark import LocalMethod

SECRET = Path("@HOME@/secret.txt")  # the test puts the folder's name in

raise RuntimeError(f"the secret is {SECRET.read_text()}")


class Hostile(LocalMethod):
    title = "Hostile: reads home"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
