"""What a step of each method takes on the device: seconds and bytes, in fp32, TF32 and bf16; beside the simulation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from benchmark.engine.measuring.cost import simulate
from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import free_memory, place, prepare_process
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.gpu.facts import Row, row, synchronize, taken
from benchmark.gpu.problem import PROBLEMS, Problem
from benchmark.schema.recipe import Precision

PRECISIONS: dict[str, tuple[Precision, ...]] = {"cuda": ("fp32", "tf32", "bf16"), "cpu": ("fp32", "bf16")}
WARM = 3  # steps before any is timed: libraries choose their kernels, optimisers make their state
STEPS = {"cuda": 10, "cpu": 1}  # in a round, which is timed as a whole
ROUNDS = 3
NEAR = {"tf32": 0.02, "bf16": 0.1}  # by which first losses may differ from those in fp32, relative to numbers above 1


@dataclass(frozen=True)
class Measured:
    """Steps of a method in one precision; phases are summed by their share, the peak is that of the largest."""

    seconds: float  # of a step
    allocated: int | None  # most bytes of the CUDA allocator, beyond those before there was a network; none on a CPU
    losses: tuple[float, ...]  # of the first step of each phase


def check_pace(report: Callable[[Any], None], method: str, device: str) -> list[Row]:
    """One row; the network is built and simulated before the device is taken."""
    return [row(method, _facts(method, PROBLEMS[device], device))]


def _facts(name: str, problem: Problem, device: str) -> Iterator[tuple[str, Any]]:
    prepare_process(device)
    build = problem.builder(name)
    if not build().phases():
        yield "note", "trains nothing"
        return
    simulated = simulate(build, problem.recipe(), problem.task, problem.batch)
    yield "simulated_mb", simulated.peak_bytes / 1e6
    plain: Measured | None = None
    for precision in PRECISIONS[device]:
        prepare_process(device, precision)
        method = build()
        with taken():
            found = measure(method, problem, precision, device)
        yield f"{precision}_ms", 1000 * found.seconds
        if plain is None:
            plain = found
            yield "allocated_mb", None if found.allocated is None else found.allocated / 1e6
            yield "gap_mb", None if found.allocated is None else (found.allocated - simulated.peak_bytes) / 1e6
            continue
        yield f"{precision}_speedup", plain.seconds / found.seconds
        yield f"{precision}_mb", None if found.allocated is None else found.allocated / 1e6
        difference = max(abs(a - b) / max(abs(a), abs(b), 1) for a, b in zip(plain.losses, found.losses, strict=True))
        yield f"{precision}_losses", difference
        if not difference <= NEAR[precision]:
            yield (
                "fault",
                f"first losses in {precision} differ from fp32 by {difference:.2g} ({NEAR[precision]} allowed).",
            )


def measure(method: Method, problem: Problem, precision: Precision, device: str) -> Measured:
    """Train a few steps of each phase, on one batch, in ``precision``."""
    recipe, where = problem.recipe(precision), torch.device(device)
    peak = CudaPeak(where)
    batch = problem.pictures(device, method.views)
    place(method, where)
    torch.manual_seed(0)
    seconds, losses = 0.0, list[Tensor]()
    with peak.measured():
        for phase in method.phases():
            set_phase(method, phase)
            optimizers = build_optimizers(method, recipe, phase)
            losses += train_step(method, batch, optimizers)
            for _ in range(WARM + method.lag - 1):
                train_step(method, batch, optimizers)
            seconds += phase.share * median(_rounds(method, batch, optimizers, device))
    first = tuple(loss.item() for loss in losses)
    del optimizers, batch
    free_memory()
    return Measured(seconds, peak.bytes, first)


def _rounds(method: Method, batch: Batch, optimizers: dict[int, Optimizer], device: str) -> Iterator[float]:
    """Seconds of a step, by rounds; nobody waits for the device within a round."""
    for _ in range(ROUNDS):
        yield seconds_a_step(lambda: train_step(method, batch, optimizers), STEPS[device], device)


def seconds_a_step(step: Callable[[], object], steps: int, device: str) -> float:
    """Of a round of so many steps that begins and ends with a device at rest."""
    synchronize(device)
    began = perf_counter()
    for _ in range(steps):
        step()
    synchronize(device)
    return (perf_counter() - began) / steps
