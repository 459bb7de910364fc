"""What training modules at the same time gains: predicted from the time of each module, and measured for K = 2.

``python scripts/parallel_table.py [--method M]``, from the top of the repository, on a quiet machine.
CIFAR ResNet-32, batch 128, cut where modules have equal FLOPs; one phase in which all modules learn, in wall time.
The prediction is the time of a serial step over that of the slowest stage, which computes its part of a step alone, on
what was kept for it. For K = 2 the two stages are then run as two processes, which hand features on by Gloo, beside a
serial run on one thread and on two. Rows go to ``results/parallel.csv``, each when it is done; a row that is there is
made again.
"""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated

import torch
import typer
from resnet32 import BACKBONE, RECIPE, TASK
from rich.console import Console

from benchmark.engine.load import load_method
from benchmark.engine.parallel.refusal import why_not_parallel
from benchmark.engine.training.process import prepare_process
from benchmark.errors import UserError
from benchmark.planning.simulated import Training
from benchmark.planning.speedup import serial, speedup
from benchmark.running.methods import all_methods
from benchmark.schema.suite import Backbone

RESULTS = Path("results/parallel.csv")
LANES, MEASURED = (2, 4, 8), 2  # how many modules; of so many there are two cores

console = Console()


@dataclass(frozen=True)
class Row:
    """Milliseconds of a step, and how many times as fast as the serial one on one thread it is."""

    method: str
    variant: str
    modules: int
    serial_ms: float
    slowest_stage_ms: float
    predicted_speedup: float
    two_threads_speedup: float | None
    measured_speedup: float | None


def training(name: str, k: int) -> Training:
    """In the method's first variant."""
    variant, options = next(iter(load_method(name).variants.items()), ("", {}))
    return Training(name, variant, dict(options), Backbone(name=BACKBONE), "flops", RECIPE, TASK, k, RECIPE.batch)


def on_two_threads(one: Training) -> float:
    """Seconds of a serial step."""
    torch.set_num_threads(2)
    try:
        return serial(one)
    finally:
        torch.set_num_threads(1)


def row_of(name: str, k: int) -> Row:
    """Measure one method at one K.

    Raises:
        UserError: it cannot be cut or trained so.
    """
    one = training(name, k)
    found = speedup(one)
    if found.note:
        raise UserError(found.note)
    two = found.serial_ms / 1000 / on_two_threads(one) if k == MEASURED else None
    numbers = found.predicted, two, found.measured
    rounded = [None if value is None else round(value, 2) for value in numbers]
    return Row(name, one.variant, k, round(found.serial_ms, 1), round(found.slowest_ms, 1), *rounded)


def read() -> dict[tuple[str, int], dict[str, str]]:
    """The rows that are there."""
    if not RESULTS.exists():
        return {}
    with RESULTS.open(newline="", encoding="utf-8") as file:
        return {(row["method"], int(row["modules"])): row for row in csv.DictReader(file)}


def write(rows: dict[tuple[str, int], dict[str, str]]) -> None:
    """Write all rows, sorted."""
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[key] for key in sorted(rows))


def main(
    method: Annotated[list[str] | None, typer.Option(help="only this one; may be repeated")] = None,
) -> None:
    """Measure, print and write the table."""
    prepare_process("cpu")
    for name in method or all_methods():
        if why := why_not_parallel(load_method(name)):
            console.print(f"{name}: cannot, as {why}")
            continue
        for k in LANES:
            try:
                row = row_of(name, k)
            except UserError as reason:
                console.print(f"{name}, K = {k}: {reason}")
                continue
            checked = f", measured {row.measured_speedup}" if row.measured_speedup else ""
            console.print(f"{name}, K = {k}: {row.predicted_speedup} times as fast, as predicted{checked}")
            write({**read(), (name, k): {key: "" if v is None else str(v) for key, v in asdict(row).items()}})


if __name__ == "__main__":
    typer.run(main)
