"""What training modules at the same time would gain: predicted from the time of each module on this machine.

A stage computes its part of a step alone, on what was kept for it; with a device for each module, a step takes as long
as the slowest stage. So the prediction is the time of a serial step over that of the slowest stage. Where there are as
many cores as modules, it is checked: the stages run as processes, which hand features on to each other.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console
from rich.progress import track
from torch import Tensor

from benchmark.engine.load import load_method
from benchmark.engine.parallel.stage import Stage
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import prepare_process
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError
from benchmark.planning.random_batch import random_batch
from benchmark.planning.simulated import Training
from benchmark.planning.table import Row, print_rows
from benchmark.running.cores import cores
from benchmark.running.launch import Crash, Job, run_jobs
from benchmark.running.methods import not_parallel
from benchmark.running.together import as_stage
from benchmark.running.worker import Worker
from benchmark.schema.suite import Suite

WARMUP = 2  # steps before those that are timed
STEPS = 8
SHOWN = {
    **{"name": "method", "modules": "K", "serial_ms": "serial ms", "slowest_ms": "slowest module ms"},
    **{"predicted": "predicted ×", "measured": "measured ×"},
}
LEGEND = (
    "Of one training step, each module on one core of this machine, measured now. predicted: serial over slowest "
    "module, with a device for each module, and features that travel in no time. measured: as processes beside each "
    "other, where there are as many cores as modules; that is where the prediction was checked, and nowhere else."
)


class SpeedRow(Row):
    """One (method, variant, K): milliseconds of a step, and how many times as fast as the serial one."""

    serial_ms: float | None = None
    slowest_ms: float | None = None
    predicted: float | None = None
    measured: float | None = None


class Kept:
    """A channel of stages that compute one after the other, in one process."""

    def __init__(self) -> None:
        self.features: deque[Tensor] = deque()

    def receive(self) -> Tensor:
        """The output of the module before."""
        return self.features.popleft()

    def hand_on(self, h: Tensor) -> None:
        """Keep it for the module after."""
        self.features.append(h)

    def share(self, owner: int, tensors: Sequence[Tensor]) -> None:
        """All is here already."""

    def total(self, numbers: Sequence[float]) -> tuple[float, ...]:
        """Of one process."""
        return tuple(numbers)


def build(training: Training) -> Method:
    """In the phase in which most of its modules learn.

    Raises:
        UserError: the network cannot be cut so.
    """
    method = load_method(training.method)
    suite = Suite.model_construct(balance=training.balance)
    made = training.options, suite, training.backbone, training.task, training.modules, training.seed
    torch.manual_seed(0)
    built = build_method(method, *made)
    built.modules.train()
    set_phase(built, max(built.phases(), key=lambda phase: len(phase.trains)))
    return built


def serial(training: Training) -> float:
    """Seconds of a step that does all the work."""
    method = build(training)
    optimizers = build_optimizers(method, training.recipe, method.phase)
    batch = random_batch(training.task, training.batch, views=method.views)
    times = [_timed(partial(train_step, method, batch, optimizers)) for _ in range(WARMUP + STEPS)]
    return median(times[WARMUP:])


def stages(training: Training) -> list[float]:
    """Seconds that each stage needs for its part of a step."""
    method, k = build(training), training.modules
    optimizers = build_optimizers(method, training.recipe, method.phase)
    batch, channel = random_batch(training.task, training.batch, views=method.views), Kept()
    found = [Stage(number, k, channel) for number in range(k)]
    for stage in found:
        stage.begin(method, 0, WARMUP + STEPS)
    times = [[_timed(partial(stage.step, method, batch, optimizers)) for stage in found] for _ in range(WARMUP + STEPS)]
    return [median(column) for column in zip(*times[WARMUP:], strict=True)]


def _timed(step: Callable[[], object]) -> float:
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def alone(report: object, training: Training) -> tuple[float, float]:
    """In a process of its own: seconds of a serial step, and of the slowest stage."""
    prepare_process("cpu")
    return serial(training), max(stages(training))


def beside(report: object, training: Training, worker: Worker) -> float | None:
    """In one of as many processes as modules: seconds of a step; none but in the first."""
    prepare_process("cpu")
    with as_stage(worker, "cpu") as stage:
        method = build(training)
        optimizers = build_optimizers(method, training.recipe, method.phase)
        batch = random_batch(training.task, training.batch, views=method.views)
        stage.begin(method, 0, STEPS)
        for _ in range(WARMUP):
            stage.step(method, batch, optimizers)
        dist.barrier()
        begun = time.perf_counter()
        for _ in range(STEPS):
            stage.step(method, batch, optimizers)
        dist.barrier()
        return None if worker.rank else (time.perf_counter() - begun) / STEPS


def speedups(trainings: Sequence[Training], console: Console | None = None) -> list[SpeedRow]:
    """A row a training, measured one after the other, so that none disturbs another."""
    told = track(trainings, "Timing modules", console=console, transient=True) if console else trainings
    return [speedup(training) for training in told]


def speedup(training: Training) -> SpeedRow:
    """One row; what cannot be had stands in its note."""
    row = SpeedRow(method=training.method, variant=training.variant, modules=training.modules)
    found = _run(Job(row, f"{__name__}:alone", (training,)))
    if isinstance(found, str):
        return row.model_copy(update={"note": found})
    whole, slowest = found
    numbers = {"serial_ms": 1000 * whole, "slowest_ms": 1000 * slowest, "predicted": whole / slowest}
    if training.modules <= cores():
        together = _run(Job(row, f"{__name__}:beside", (training,), processes=training.modules))
        numbers["measured"] = None if isinstance(together, str) else whole / together
    return row.model_copy(update=numbers)


def _run(job: Job) -> Any:
    """What it answers, or in words why it does not."""
    ((_, outcome),) = run_jobs([job], [""])
    if isinstance(outcome, Crash | UserError):
        return str(outcome)
    return outcome


def print_speedups(trainings: Sequence[Training], title: str, console: Console) -> None:
    """Print what is predicted, and what was measured; what cannot be had is said below."""
    refused = not_parallel(list(dict.fromkeys(one.method for one in trainings)))
    found = speedups([one for one in trainings if one.modules > 1 and one.method not in refused], console)
    print_rows(found, SHOWN, title, console)
    for sentence in (*refused.values(), LEGEND):
        console.print(sentence, style="dim", highlight=False, markup=False)
