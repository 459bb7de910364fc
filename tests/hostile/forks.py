"""A hostile method file: it forks without end."""

import os
import time

from benchmark import LocalMethod

children = 0
for _ in range(200):  # without end, but for a test that must survive its own failure
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    children += 1
raise RuntimeError(f"forked {children} times")


class Hostile(LocalMethod):
    title = "Hostile: forks"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
