"""How long a training step takes, as a ratio to the end-to-end twin's: only a ratio outlives a busy machine.

Steps of the two are interleaved where both fit into the machine at once. Where they do not, each has it alone, one
after the other; and a twin that does not fit even so leaves the method without a ratio, not without a row.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import torch
from torch.optim import Optimizer

from benchmark.engine.cutting.tracing import brief
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import free_memory, place
from benchmark.engine.training.seeding import own_randomness
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.schema.recipe import Recipe

Timer = Callable[[], float]  # returns seconds

MIN_PAIRS = 7  # timed pairs of steps that a ratio needs at least
WARMUP = 2  # untimed pairs before them
SECONDS = 0.3  # after which no further pair starts


@dataclass(frozen=True)
class Pace:
    """Time of a method's step; several phases are summed, weighted by their share of the epochs."""

    ratio: float | None  # to the end-to-end twin: median over interleaved pairs of steps; null: it has no time
    seconds: float  # median of the method's own steps
    pairs: int  # timed pairs, all phases together
    twin_error: str | None = None  # why there is no ratio


def measure_pace(
    build: Callable[[], Method],
    twin: Callable[[], Method] | None,
    recipe: Recipe,
    batch: Batch,
    clock: Timer,
    recipe_of_twin: Recipe | None = None,
) -> Pace:
    """The method's pace against its ``twin``'s; without one it is its own, and the ratio is 1.

    What goes wrong while both are held is tried again with each of them alone. What then goes wrong with the method
    is raised; what goes wrong with the twin stands in ``twin_error``.
    """
    if twin is None:
        return Pace(1.0, step_seconds(build, recipe, batch, clock=clock), 0)
    with suppress(Exception):
        return step_ratio(build, twin, recipe, batch, clock=clock, recipe_of_twin=recipe_of_twin)
    free_memory()
    own = step_seconds(build, recipe, batch, clock=clock)
    free_memory()
    try:
        return Pace(own / step_seconds(twin, recipe_of_twin or recipe, batch, clock=clock), own, 0)
    except Exception as error:
        return Pace(None, own, 0, f"The end-to-end twin cannot be timed: {brief(error)}.")
    finally:
        free_memory()


def step_seconds(build: Callable[[], Method], recipe: Recipe, batch: Batch, *, clock: Timer) -> float:
    """Seconds of a real step of a method that has the machine to itself."""
    with own_randomness():
        method = place(build(), batch.x.device)
        own = 0.0
        for phase in (phases := method.phases()):
            set_phase(method, phase)
            step = _stepper(method, batch, build_optimizers(method, recipe, phase), clock)
            for _ in range(method.lag):
                step()
            times = interleave(step, lambda: 0.0, SECONDS / len(phases), clock)
            own += phase.share * median(a for a, _ in times)
    return own


def step_ratio(
    build: Callable[[], Method],
    twin: Callable[[], Method],
    recipe: Recipe,
    batch: Batch,
    *,
    seconds: float = SECONDS,
    pairs: int = MIN_PAIRS,
    clock: Timer = time.perf_counter,
    recipe_of_twin: Recipe | None = None,
) -> Pace:
    """Time real steps of a method and of its end-to-end twin, A B A B, on the same batch.

    Both are built anew, on the batch's device, so that a method in training is not touched. Each phase gets
    at least ``pairs`` pairs, and more until its share of ``seconds`` is over.
    """
    with own_randomness():
        method, other = (place(make(), batch.x.device) for make in (build, twin))
        phases = method.phases()
        (twin_phase,) = other.phases()
        set_phase(other, twin_phase)
        twin_step = _stepper(other, batch, build_optimizers(other, recipe_of_twin or recipe, twin_phase), clock)
        ratio = own = timed = 0.0
        for phase in phases:
            set_phase(method, phase)
            step = _stepper(method, batch, build_optimizers(method, recipe, phase), clock)
            for _ in range(method.lag):
                step()
            times = interleave(step, twin_step, seconds / len(phases), clock, pairs)
            ratio += phase.share * median(a / b for a, b in times)
            own += phase.share * median(a for a, _ in times)
            timed += len(times)
    return Pace(ratio, own, int(timed))


def interleave(
    a: Timer, b: Timer, seconds: float, clock: Timer = time.perf_counter, pairs: int = MIN_PAIRS
) -> list[tuple[float, float]]:
    """Seconds of pairs of steps ``a`` and ``b`` by turns, after a warm-up: a disturbance hits both."""
    for _ in range(WARMUP):
        a(), b()
    times: list[tuple[float, float]] = []
    end = clock() + seconds
    while len(times) < pairs or clock() < end:
        times.append((a(), b()))
    return times


def _stepper(method: Method, batch: Batch, optimizers: dict[int, Optimizer], clock: Timer) -> Timer:
    """A function that makes one training step and returns its seconds."""

    def step() -> float:
        start = clock()
        train_step(method, batch, optimizers)
        if batch.x.is_cuda:
            torch.cuda.synchronize(batch.x.device)
        return clock() - start

    return step
