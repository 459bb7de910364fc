"""A hostile method file: it writes into the memory of the process that judges it, and reads what started it."""

from benchmark import LocalMethod

for name, mode in (
    ("mem", "r+b"),
    ("mem", "rb"),
    ("environ", "rb"),
    ("cwd/secret.txt", "rb"),
    ("root/etc/passwd", "rb"),
):
    try:
        open(f"/proc/@PID@/{name}", mode).close()  # the test starts it
        send({f"{name} {mode}": "open"})  # noqa: F821
    except OSError as error:
        send({f"{name} {mode}": type(error).__name__})  # noqa: F821


class Hostile(LocalMethod):
    title = "Hostile: reaches into programs"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
