"""Rows of cells, which differ in their seeds alone, and what is found out once for all of a row; said without torch."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.running.code import code
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell
from benchmark.schema.text import write_text

SIMULATED = ("peak_bytes", "saved_bytes", "step_flops", "parameters", "auxiliary_parameters")


@dataclass(frozen=True)
class Known:
    """Of a row, before a cell of it is trained: whether gradients are isolated, and what a step costs."""

    isolation: str
    simulated: dict[str, Any]  # the parts of `benchmark.engine.measuring.cost.Simulation`
    peak_ratio: float | None
    flops_ratio: float | None
    twin_error: str | None = None

    @classmethod
    def of(cls, record: Record) -> "Known | None":
        """What a finished cell tells of the others of its row; nothing where anything was amiss."""
        cost, origin = record.cost, record.provenance
        if origin is None or origin.processes:  # several processes meter one's share
            return None
        if record.status != "ok" or not cost or cost.twin_error or record.isolation not in ("verified", "not claimed"):
            return None
        simulated = {name: getattr(cost, name) for name in SIMULATED}
        return cls(record.isolation, simulated, cost.peak_ratio, cost.flops_ratio)

    def keep(self, path: Path) -> None:
        """Write it for cells that begin later, perhaps on another machine; where that fails they find it out anew."""
        with suppress(OSError):
            write_text(json.dumps({"code": code(), **asdict(self)}), path)

    @classmethod
    def read(cls, path: Path) -> "Known | None":
        """What is kept, if this very state of the package has found it out."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(**found) if found.pop("code") == code() else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def row_of(cell: Cell) -> Cell:
    """What all cells of a row have in common, as its first cell."""
    return cell.model_copy(update={"seed": 0})


def rows(cells: Iterable[Cell]) -> dict[Cell, list[Cell]]:
    """Cells by their rows."""
    found: dict[Cell, list[Cell]] = {}
    for cell in cells:
        found.setdefault(row_of(cell), []).append(cell)
    return found
