"""A hostile method file: it stops itself, so that it never ends."""

import os
import signal

from benchmark import LocalMethod

os.kill(os.getpid(), signal.SIGSTOP)


class Hostile(LocalMethod):
    title = "Hostile: stops itself"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
