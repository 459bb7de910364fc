"""Beyond Backprop: every way to train a deep network without end-to-end backpropagation, side by side.

What a method file imports stands here: ``from benchmark import LocalMethod, Batch, heads, losses``. Names are
loaded when asked for, so that reading records and tables does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.engine import heads, losses
    from benchmark.engine.data import Batch, Dataset, Pictures, Task
    from benchmark.engine.method import LocalMethod, Method, ModularMethod, Phase
    from benchmark.engine.partition import Features

_HOME = {
    **dict.fromkeys(("LocalMethod", "Method", "ModularMethod", "Phase"), "benchmark.engine.method"),
    **dict.fromkeys(("Batch", "Dataset", "Pictures", "Task"), "benchmark.engine.data"),
    "Features": "benchmark.engine.partition",
}
_MODULES = ("heads", "losses")

__all__ = [
    "Batch",
    "Dataset",
    "Features",
    "LocalMethod",
    "Method",
    "ModularMethod",
    "Phase",
    "Pictures",
    "Task",
    "heads",
    "losses",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _MODULES:
        return import_module(f"benchmark.engine.{name}")
    raise AttributeError(f"module 'benchmark' has no attribute {name!r}")
