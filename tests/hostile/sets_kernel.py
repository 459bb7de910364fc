"""A hostile method file: as root it sets a switch of the kernel. (Here it only opens it, and writes nothing.)"""

import os

from benchmark import LocalMethod

os.close(os.open("/proc/sys/vm/drop_caches", os.O_WRONLY))
raise RuntimeError("the kernel's switch is open")


class Hostile(LocalMethod):
    title = "Hostile: sets the kernel"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
