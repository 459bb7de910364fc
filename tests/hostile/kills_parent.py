"""A hostile method file: it kills the process that checks it."""

import os
import signal

from benchmark import LocalMethod

outcomes = []
for target, number in ((int("@PID@"), signal.SIGKILL), (os.getppid(), 0)):  # the test starts the first one for it
    try:
        os.kill(target, number)
        outcomes.append("done")
    except OSError as error:
        outcomes.append(type(error).__name__)
raise RuntimeError(f"killing: {', '.join(outcomes)}")


class Hostile(LocalMethod):
    title = "Hostile: kills parent"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
