"""Import what a process keeps to its end, while Python's garbage collector looks away."""

import gc
from importlib import import_module
from types import ModuleType


def preload(name: str) -> ModuleType:
    """A module, imported with all that it imports; nothing of it is ever looked through for garbage.

    torch and what comes with it are a million objects, and none is garbage. The collector would go through them again
    and again while they are imported (a third of that time), whenever it goes through everything, and at the end.
    What is there already is kept out of its way, too.
    """
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()
