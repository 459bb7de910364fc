"""A hostile method file: it nests folders until whoever clears them away runs out of stack."""

import os

from benchmark import LocalMethod

attempts = {
    "folder": lambda: os.mkdir("f"),
    "pipe": lambda: os.mkfifo("pipe"),
    "link": lambda: os.symlink("/etc/passwd", "link"),
    "second name": lambda: os.link("hostile.py", "second"),
    "no rights": lambda: os.chmod(".", 0),
    "other name": lambda: os.rename("hostile.py", "other"),
}
for name, attempt in attempts.items():
    try:
        attempt()
        send({name: "done"})  # noqa: F821
    except OSError as error:
        send({name: type(error).__name__})  # noqa: F821
for _ in range(3000):
    try:
        os.mkdir("f")
    except FileExistsError:
        pass
    except OSError:
        break
    os.chdir("f")
for number in range(300):
    os.close(os.open(f"\n\udcff{number}".ljust(200, "\n"), os.O_CREAT | os.O_WRONLY, 0))


class Hostile(LocalMethod):
    title = "Hostile: nests folders"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
