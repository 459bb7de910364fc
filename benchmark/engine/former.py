"""The addresses that the engine's modules had before it had rooms.

Plugins import from ``benchmark``; older ones name these. A plugin's bytes are part of its records, so its address for a
thing outlives the move of that thing.
"""

import sys
from importlib import import_module

import benchmark

FORMER = {
    "buffers": "training.buffers",
    "data": "pictures.data",
    "heads": "objectives.heads",
    "infopro_objective": "objectives.infopro_objective",
    "losses": "objectives.losses",
    "method": "training.method",
    "partition": "cutting.partition",
}


def keep_addresses() -> None:
    """Let imports from the former addresses find what stands elsewhere now."""
    for old, new in FORMER.items():
        sys.modules.setdefault(f"benchmark.engine.{old}", import_module(f"benchmark.engine.{new}"))
    sys.modules.setdefault("benchmark.engine.sources", benchmark)  # it fell into several modules
