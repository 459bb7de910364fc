"""What training modules at the same time gains: predicted from the time of each module, and measured for K = 2.

``python scripts/parallel_table.py [--method M] [--steps N]``, from the top of the repository, on a quiet machine.
CIFAR ResNet-32, batch 128, cut where modules have equal FLOPs; one phase in which all modules learn, in wall time.
The prediction is the time of a serial step over that of the slowest lane, which computes its part of a step alone, on
what was kept for it. For K = 2 the two lanes are then run as two processes, which hand features on by Gloo, beside a
serial run on one thread and on two. Rows go to ``results/parallel.csv``, each when it is done; a row that is there is
made again.
"""

import csv
import time
from collections import deque
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import typer
from resnet32 import BACKBONE, RECIPE, TASK, random_batch
from rich.console import Console
from torch import Tensor

from benchmark.engine.load import load_method
from benchmark.engine.parallel.channel import ProcessChannel
from benchmark.engine.parallel.lane import Lane
from benchmark.engine.parallel.refusal import why_not_parallel
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import prepare_process
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError
from benchmark.running.run import all_methods
from benchmark.schema.suite import Backbone, Suite

RESULTS = Path("results/parallel.csv")
LANES, MEASURED = (2, 4, 8), 2  # how many modules; of so many there are two cores
WARMUP = 2  # steps before those that are timed

console = Console()


@dataclass(frozen=True)
class Row:
    """Milliseconds of a step, and how many times as fast as the serial one on one thread it is."""

    method: str
    variant: str
    modules: int
    serial_ms: float
    slowest_lane_ms: float
    predicted_speedup: float
    two_threads_speedup: float | None
    measured_speedup: float | None


class Kept:
    """A channel of lanes that compute one after the other, in one process."""

    def __init__(self) -> None:
        self.features: deque[Tensor] = deque()

    def receive(self) -> Tensor:
        return self.features.popleft()

    def hand_on(self, h: Tensor) -> None:
        self.features.append(h)


def build(name: str, k: int) -> Method:
    """In its first variant, in the phase in which most of its modules learn."""
    torch.manual_seed(0)
    method = load_method(name)
    options = dict(next(iter(method.variants.values()), {}))
    suite = Suite.model_construct(balance="flops")
    built = build_method(method, options, suite, Backbone(name=BACKBONE), TASK, k, 0)
    built.modules.train()
    set_phase(built, max(built.phases(), key=lambda phase: len(phase.trains)))
    return built


def serial(name: str, k: int, steps: int, threads: int) -> float:
    """Seconds of a step that does all the work."""
    method = build(name, k)
    optimizers, batch = build_optimizers(method, RECIPE, method.phase), random_batch(method.views)
    torch.set_num_threads(threads)
    try:
        return _timed(partial(train_step, method, batch, optimizers), steps)
    finally:
        torch.set_num_threads(1)


def lanes(name: str, k: int, steps: int) -> list[float]:
    """Seconds that each lane needs for its part of a step."""
    method = build(name, k)
    optimizers, batch = build_optimizers(method, RECIPE, method.phase), random_batch(method.views)
    channel = Kept()
    found = [Lane(number, k, channel) for number in range(k)]  # type: ignore[arg-type]  # nothing is shared here
    for lane in found:
        lane.begin(method, 0, steps)
    times = [
        [_timed_once(partial(lane.step, method, batch, optimizers)) for lane in found] for _ in range(steps + WARMUP)
    ]
    return [median(column) for column in zip(*times[WARMUP:], strict=True)]


def side_by_side(name: str, k: int, steps: int) -> float:
    """Seconds of a step, in as many processes as modules."""
    with TemporaryDirectory() as folder:
        address = (Path(folder) / "meeting").as_uri()
        with mp.get_context("spawn").Pool(k) as pool:
            return max(pool.starmap(_one_lane, [(name, k, steps, address, rank) for rank in range(k)], chunksize=1))


def _one_lane(name: str, k: int, steps: int, address: str, rank: int) -> float:
    prepare_process("cpu")
    dist.init_process_group("gloo", address, rank=rank, world_size=k)
    method = build(name, k)
    optimizers, batch = build_optimizers(method, RECIPE, method.phase), random_batch(method.views)
    lane = Lane(rank, k, ProcessChannel(torch.device("cpu")))
    lane.begin(method, 0, steps)
    for _ in range(WARMUP):
        lane.step(method, batch, optimizers)
    dist.barrier()
    begun = time.perf_counter()
    for _ in range(steps):
        lane.step(method, batch, optimizers)
    dist.barrier()
    return (time.perf_counter() - begun) / steps


def _timed(step: partial, steps: int) -> float:
    return median([_timed_once(step) for _ in range(steps + WARMUP)][WARMUP:])


def _timed_once(step: partial) -> float:
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def row_of(name: str, k: int, steps: int) -> Row:
    """Measure one method at one K."""
    variant = next(iter(load_method(name).variants), "")
    one, slowest = serial(name, k, steps, 1), max(lanes(name, k, steps))
    two = beside = None
    if k == MEASURED:
        two, beside = one / serial(name, k, steps, 2), one / side_by_side(name, k, steps)
    rounded = [None if value is None else round(value, 2) for value in (one / slowest, two, beside)]
    return Row(name, variant, k, round(1000 * one, 1), round(1000 * slowest, 1), *rounded)


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
    steps: Annotated[int, typer.Option(min=1, help="timed steps of each figure")] = 8,
) -> None:
    """Measure, print and write the table."""
    prepare_process("cpu")
    for name in method or all_methods():
        if why := why_not_parallel(load_method(name)):
            console.print(f"{name}: cannot, as {why}")
            continue
        for k in LANES:
            try:
                row = row_of(name, k, steps)
            except UserError as reason:
                console.print(f"{name}, K = {k}: {reason}")
                continue
            checked = f", measured {row.measured_speedup}" if row.measured_speedup else ""
            console.print(f"{name}, K = {k}: {row.predicted_speedup} times as fast, as predicted{checked}")
            write({**read(), (name, k): {key: "" if v is None else str(v) for key, v in asdict(row).items()}})


if __name__ == "__main__":
    typer.run(main)
