"""A hostile method file: it starts threads without end."""

import threading
import time

from benchmark import LocalMethod

threading.stack_size(2**16)
for _ in range(4000):  # without end, but for a test that must survive its own failure
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
send({"threads": threading.active_count()})  # noqa: F821
time.sleep(5)


class Hostile(LocalMethod):
    title = "Hostile: many threads"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
