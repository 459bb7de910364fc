"""Where the time of a training step goes: the engine's own cost, each method's, and what the CPU likes.

``python scripts/speed.py [--quick] [--compile]``, from the top of the repository. CIFAR ResNet-32, batch 128,
32x32x3, one thread, channels_last, the cuts of InfoPro's code. All times are of steps interleaved with their
reference (A B A B, one process), in CPU seconds, which a busy machine bends less than wall time; figures are
medians of the pairs' ratios, and end-to-end backpropagation at K = 1, beside itself, shows their noise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time as clock
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from resnet32 import BACKBONE, MODULES, RECIPE, SIZE, TASK, builder
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.measuring.cost import simulate
from benchmark.engine.measuring.pace import Timer, interleave, step_ratio
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import prepare_process
from benchmark.engine.training.train import build_optimizers, build_scheduler, set_phase, train_step
from benchmark.planning.random_batch import random_batch
from benchmark.schema.plugins import METHODS

NAMES = ("e2ebp", "greedy_sl", "dgl", "predsim", "infopro")
ENGINE_LIMIT = 1.03
MIB = 2**20
# time may exceed what the FLOPs explain by this factor
TIME_LIMITS: Mapping[tuple[str, int], float] = {
    ("greedy_sl", 4): 1.10,
    ("greedy_sl", 16): 1.10,
    ("dgl", 4): 1.10,
    ("dgl", 16): 1.10,
    ("infopro", 4): 1.15,
    ("infopro", 16): 1.25,
}
# MiB that InfoPro's own code saves for backward on the same network and batch
SAVED_LIMITS: Mapping[tuple[str, int], int] = {("e2ebp", 1): 304, ("infopro", 4): 145, ("infopro", 16): 71}

console = Console()


@dataclass(frozen=True)
class Job:
    """One line of a table, still to be measured."""

    table: Table
    measure: Callable[[], list[str]]


def timed(step: Callable[[], object]) -> Timer:
    """The same step, returning its seconds."""

    def run() -> float:
        start = clock()
        step()
        return clock() - start

    return run


def ratio(a: Callable[[], object], b: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Median ratio of the seconds of two steps, and median seconds of the first."""
    times = interleave(timed(a), timed(b), seconds, clock)
    return median(x / y for x, y in times), median(x for x, _ in times)


def sgd(model: nn.Module, **implementation: bool) -> Optimizer:
    """The recipe's optimiser, as torch makes it."""
    return SGD(model.parameters(), RECIPE.lr, RECIPE.momentum, 0, RECIPE.weight_decay, True, **implementation)


def plain_step(model: Callable[[Tensor], Tensor], optimizer: Optimizer, x: Tensor, y: Tensor) -> Callable[[], object]:
    """A step as a tutorial writes it."""

    def step() -> None:
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def engine_step(method: Method, batch: Batch) -> Callable[[], object]:
    """A step as the engine makes it, schedulers included."""
    (phase,) = method.phases()
    set_phase(method, phase)
    optimizers = build_optimizers(method, RECIPE, phase)
    schedulers = [build_scheduler(o, RECIPE, 400, RECIPE.epochs) for o in optimizers.values()]
    count = iter(range(10**9))

    def step() -> Tensor:
        at = next(count)
        for scheduler in schedulers:
            scheduler.step_update(at)
        return torch.stack(train_step(method, batch, optimizers))

    return step


def network() -> nn.Module:
    """The uncut backbone, in train mode."""
    return create_backbone(BACKBONE, TASK.classes, TASK.channels, TASK.image_size).train()


def verdict(value: float, limit: float | None, digits: int = 2) -> str:
    """A figure, green within its limit and red beyond it."""
    if limit is None:
        return f"{value:.{digits}f}"
    return f"[{'green' if value <= limit else 'red'}]{value:.{digits}f}[/] (≤ {limit:g})"


def measure_engine(k: int, batch: Batch, seconds: float) -> list[str]:
    """The engine's step of end-to-end backpropagation against a plain loop over the uncut network."""
    model = network()
    plain = plain_step(model, sgd(model), batch.x, batch.y)
    over, own = ratio(engine_step(builder("e2ebp", k)(), batch), plain, seconds)
    return [f"engine, e2ebp, K={k}", verdict(over, ENGINE_LIMIT, 3), f"{1000 * own:.0f}"]


def measure_method(name: str, k: int, batch: Batch, seconds: float) -> list[str]:
    """A method's step against its end-to-end twin's."""
    cost = simulate(builder(name, k), RECIPE, TASK, SIZE)
    twin = simulate(builder("e2ebp", 1), RECIPE, TASK, SIZE)
    pace = step_ratio(builder(name, k), builder("e2ebp", 1), RECIPE, batch, seconds=seconds, clock=clock)
    flops = cost.step_flops / twin.step_flops
    return [
        name,
        str(k),
        f"{pace.ratio:.2f}",
        f"{flops:.2f}",
        verdict(pace.ratio / flops, TIME_LIMITS.get((name, k))),
        verdict(cost.saved_bytes / MIB, SAVED_LIMITS.get((name, k)), 0),
        f"{cost.peak_bytes / MIB:.0f}",
        f"{1000 * pace.seconds:.0f}",
        str(pace.pairs),
    ]


def measure_variant(title: str, prepare: Callable[[], Callable[[], object]], batch: Batch, seconds: float) -> list[str]:
    """A plain step in another way against the usual one."""
    model = network()
    usual = plain_step(model, sgd(model, foreach=False), batch.x, batch.y)
    over, own = ratio(prepare(), usual, seconds)
    return [title, f"{over:.3f}", f"{1000 * own:.0f}"]


def variants(batch: Batch, compiled: bool) -> dict[str, Callable[[], Callable[[], object]]]:
    """Other ways to make the same step; each is prepared only when it is measured."""

    def with_sgd(**implementation: bool) -> Callable[[], object]:
        model = network()
        return plain_step(model, sgd(model, **implementation), batch.x, batch.y)

    def with_layout(weights: torch.memory_format, pictures: torch.memory_format) -> Callable[[], object]:
        model = network().to(memory_format=weights)
        return plain_step(model, sgd(model, foreach=False), batch.x.contiguous(memory_format=pictures), batch.y)

    def with_compile() -> Callable[[], object]:
        model = network()
        return plain_step(torch.compile(model), sgd(model, foreach=False), batch.x, batch.y)

    last, first = torch.channels_last, torch.contiguous_format
    return {
        "SGD foreach": partial(with_sgd, foreach=True),
        "SGD fused": partial(with_sgd, fused=True),
        "pictures and weights contiguous": partial(with_layout, first, first),
        "pictures and weights channels_last": partial(with_layout, last, last),
        **({"torch.compile": with_compile} if compiled else {}),
    }


def table(title: str, *columns: str) -> Table:
    """An empty table; the first column is text, the others are figures."""
    made = Table(title=title)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 else "right")
    return made


def jobs(batch: Batch, seconds: float, compiled: bool) -> list[Job]:
    """Everything that is measured, in order."""
    engine = table("Engine against a plain loop", "step", "time ratio", "ms")
    columns = ("K", "time", "FLOPs", "time / FLOPs", "saved MiB", "peak MiB", "ms", "pairs")
    methods = table("Methods against end-to-end backpropagation (ratios)", "method", *columns)
    other = table("A plain step in other ways, against for-loop SGD, channels_last pictures", "way", "time", "ms")
    cells = [("e2ebp", 1), *((name, k) for k in MODULES for name in NAMES)]
    return [
        *(Job(engine, partial(measure_engine, k, batch, seconds)) for k in (1, *MODULES)),
        *(Job(methods, partial(measure_method, name, k, batch, seconds)) for name, k in cells),
        *(
            Job(other, partial(measure_variant, title, prepare, batch, seconds))
            for title, prepare in variants(batch, compiled).items()
        ),
    ]


def main(
    quick: Annotated[bool, typer.Option(help="as few pairs of steps as a median bears")] = False,
    compile: Annotated[bool, typer.Option("--compile", help="try torch.compile, too (minutes)")] = False,
) -> None:
    """Measure all, then print the tables."""
    prepare_process("cpu")
    torch.manual_seed(0)
    todo = jobs(random_batch(TASK, SIZE), 0.0 if quick else 30.0, compile)
    with Progress(console=console, transient=True) as progress:
        for job in progress.track(todo, description="Timing"):
            job.table.add_row(*job.measure())
    for made in dict.fromkeys(job.table for job in todo):
        console.print(made)


if __name__ == "__main__":
    if not Path(METHODS).is_dir():
        raise SystemExit("Run it from the top of the repository: python scripts/speed.py")
    typer.run(main)
