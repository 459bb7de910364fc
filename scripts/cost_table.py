"""What a training step of every method costs beside end-to-end backpropagation: one table, one line a method and K.

``python scripts/cost_table.py [--method M] [--quick] [--again]``, from the top of the repository. The first
variant of every method on CIFAR ResNet-32, batch 128, one thread, at the cuts of InfoPro's code. Memory and
FLOPs are simulated, times are of steps interleaved with the twin's (A B A B), in CPU seconds.

Lines are written to ``results/cost_resnet32.csv`` as they are measured. A line that is there already is kept,
unless the method's file has changed since.
"""

import csv
import os
from dataclasses import asdict, dataclass, fields
from functools import cache
from math import ceil
from pathlib import Path
from time import process_time
from typing import Annotated

import resnet32
import torch
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmark.engine.measuring.cost import Simulation, simulate
from benchmark.engine.measuring.pace import step_ratio
from benchmark.engine.training.process import prepare_process
from benchmark.errors import UserError
from benchmark.planning.random_batch import random_batch
from benchmark.running.methods import all_methods
from benchmark.schema.plugins import METHODS, file_sha256, plugin_path
from benchmark.schema.suite import TWIN

RESULTS = Path("results/cost_resnet32.csv")
TIME_LIMIT = 1.25  # time may exceed what the FLOPs explain by this factor
PAIRS, QUICK_PAIRS = 4, 2  # of timed steps a line, spread over the phases of training, each with one at least
DIGITS = 3  # of a ratio

console = Console()
Key = tuple[str, int]


@dataclass(frozen=True)
class Row:
    """The cost of one method at one K; ratios are to end-to-end backpropagation's step."""

    method: str
    variant: str
    modules: int
    peak_ratio: float
    time_ratio: float
    flops_ratio: float
    time_per_flops: float
    auxiliary_parameters: int
    step_ms: int
    pairs: int
    sha256: str  # of the method's file

    @property
    def key(self) -> Key:
        return self.method, self.modules


def read_rows(path: Path) -> dict[Key, Row]:
    """The lines measured before, if any."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [Row(**{f.name: f.type(line[f.name]) for f in fields(Row)}) for line in csv.DictReader(file)]
    return {row.key: row for row in rows}


def write_rows(rows: dict[Key, Row], path: Path) -> None:
    """All lines, sorted, first to a temporary name."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        lines.writeheader()
        lines.writerows(asdict(rows[key]) for key in sorted(rows))
    os.replace(temporary, path)


@cache
def twin_cost() -> Simulation:
    """Simulated cost of a step of end-to-end backpropagation."""
    return simulate(resnet32.builder(TWIN, 1), resnet32.RECIPE, resnet32.TASK, resnet32.SIZE)


def measure(name: str, k: int, pairs: int) -> Row:
    """One line: the method's first variant, in ``k`` modules, against its twin.

    Raises:
        UserError: the method cannot be built, or its step not be simulated.
    """
    build, twin = resnet32.builder(name, k), resnet32.builder(TWIN, 1)
    method = build()
    cost, other = simulate(build, resnet32.RECIPE, resnet32.TASK, resnet32.SIZE), twin_cost()
    batch = random_batch(resnet32.TASK, resnet32.SIZE, views=method.views)
    each = ceil(pairs / len(method.phases()))
    pace = step_ratio(build, twin, resnet32.RECIPE, batch, seconds=0.0, pairs=each, clock=process_time)
    flops = cost.step_flops / other.step_flops
    return Row(
        method=name,
        variant=next(iter(method.variants), ""),
        modules=k,
        peak_ratio=round(cost.peak_bytes / other.peak_bytes, DIGITS),
        time_ratio=round(pace.ratio, DIGITS),
        flops_ratio=round(flops, DIGITS),
        time_per_flops=round(pace.ratio / flops, DIGITS),
        auxiliary_parameters=cost.auxiliary_parameters,
        step_ms=round(1000 * pace.seconds),
        pairs=pace.pairs,
        sha256=file_sha256(plugin_path(METHODS, name)),
    )


def is_fresh(row: Row | None) -> bool:
    """Whether a line is there, and of the method's file as it is."""
    return row is not None and row.sha256 == file_sha256(plugin_path(METHODS, row.method))


def as_table(rows: dict[Key, Row]) -> Table:
    """The lines as they are shown: what the FLOPs do not explain is red."""
    title = f"A step against end-to-end backpropagation's (red: time > {TIME_LIMIT} × FLOPs)"
    made = Table("method", "variant", title=title)
    for column in ("K", "memory", "time", "FLOPs", "time / FLOPs", "auxiliary parameters", "ms", "pairs"):
        made.add_column(column, justify="right")
    for _, row in sorted(rows.items()):
        ratios = [f"{value:.2f}" for value in (row.peak_ratio, row.time_ratio, row.flops_ratio, row.time_per_flops)]
        if row.time_per_flops > TIME_LIMIT:
            ratios[-1] = f"[red]{ratios[-1]}[/]"
        counts = (f"{row.auxiliary_parameters:,}", str(row.step_ms), str(row.pairs))
        made.add_row(row.method, row.variant, str(row.modules), *ratios, *counts)
    return made


def main(
    method: Annotated[list[str] | None, typer.Option(help="measure only these")] = None,
    quick: Annotated[bool, typer.Option(help="time half as many steps")] = False,
    again: Annotated[bool, typer.Option(help="measure again what is there already")] = False,
) -> None:
    """Measure what is missing, then print the table."""
    prepare_process("cpu")
    torch.manual_seed(0)
    known = all_methods()
    rows = {key: row for key, row in read_rows(RESULTS).items() if row.method in known}
    wanted = [(plugin_path(METHODS, name).stem, k) for name in method or known for k in resnet32.MODULES]
    todo = [key for key in wanted if again or not is_fresh(rows.get(key))]
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(todo))
        for name, k in todo:
            progress.update(task, description=f"{name}, K = {k}")
            try:
                rows[name, k] = measure(name, k, QUICK_PAIRS if quick else PAIRS)
            except UserError as error:
                console.print(f"[red]{name}, K = {k}: {error}")
            else:
                write_rows(rows, RESULTS)
            progress.advance(task)
    console.print(as_table(rows))


if __name__ == "__main__":
    if not METHODS.is_dir():
        raise SystemExit("Run it from the top of the repository: python scripts/cost_table.py")
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(str(error)) from None
