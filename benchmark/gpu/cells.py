"""A whole cell of the embedded suite on the device: set-up, training, trials, evaluation; beside its committed record.

And one of them in the sandbox of `beyond verify`, which needs the GPU's driver through its walls.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmark.gpu.facts import Row, row
from benchmark.running.cell import run_cell
from benchmark.running.store import RUNS
from benchmark.schema.protocols import effective
from benchmark.schema.record import Record, read_record, read_records
from benchmark.schema.suite import Cell, Suite, cells, identify, load_suite
from benchmark.verifying.again import train_again
from benchmark.verifying.agreement import POINTS, disagreements, same_place, tolerance_elsewhere

SUITE = "digits"
SCRATCH = Path(".beyond/gpu-check")


def check_cell(report: Callable[[Any], None], method: str, device: str) -> list[Row]:
    """The first seed of a method, in its first variant, at the suite's largest K."""
    cell, suite = _cell(method, device)
    return [row(method, _told(lambda: run_cell(report, cell, suite, ""), cell, suite))]


def check_sandbox(report: Callable[[Any], None], method: str, device: str) -> list[Row]:
    """The same, trained by `beyond verify`, which counts the accuracy itself."""
    cell, suite = _cell(method, device)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    protections: list[str] = []

    def train() -> Record:
        record, protected = train_again(report, cell, suite, SCRATCH)
        protections.extend(protected)
        return record

    found = row(f"{method}, in the sandbox", _told(train, cell, suite))
    return [found | {"protections": protections}]


def _cell(method: str, device: str) -> tuple[Cell, Suite]:
    suite = load_suite(SUITE)
    cell = next(c for c in reversed(cells(SUITE, suite, method)) if (c.seed, c.recipe, c.times) == (0, None, None))
    return cell, effective(suite, cell).model_copy(update={"device": device})


def _told(train: Callable[[], Record], cell: Cell, suite: Suite) -> Iterator[tuple[str, Any]]:
    began = time.perf_counter()
    record = train()
    yield "seconds", time.perf_counter() - began
    yield "status", record.status
    if record.error:
        yield "fault", record.error
    yield "isolation", record.isolation
    if cost := record.cost:
        yield "time_ratio", cost.time_ratio
        yield "simulated_mb", cost.peak_bytes / 1e6
        yield "allocated_mb", None if cost.cuda_peak_bytes is None else cost.cuda_peak_bytes / 1e6
    if record.accuracy:
        yield "test_top1", record.accuracy.test_top1
    yield from _beside(_committed(cell, suite), record)


def _committed(cell: Cell, suite: Suite) -> Record | None:
    path = RUNS / identify(cell, suite).path
    return read_record(path) if path.exists() else None


def _beside(old: Record | None, record: Record) -> Iterator[tuple[str, Any]]:
    """What the committed record says otherwise; how far seeds scatter is taken from the suite's other methods."""
    if old is None:
        return
    yield "committed_top1", old.accuracy and old.accuracy.test_top1
    suite = [each for each in read_records(RUNS) if each.identity.suite == SUITE]
    allowed = POINTS if same_place(old, record) else tolerance_elsewhere(old, suite)
    for fault in disagreements(old, record, allowed):
        yield "fault", f"beside its committed record: {fault}"
