"""What training with a method costs: memory and FLOPs without computing anything, time against its twin.

Memory and FLOPs come from training steps on fake tensors: no data, no arithmetic, no GPU, and the same number
at each call, so cells that no machine here can run are planned in the same way. Time comes from real steps,
beside those of the end-to-end twin (:mod:`benchmark.engine.measuring.pace`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)

from benchmark.engine.cutting.tracing import brief
from benchmark.engine.measuring.meter import Flops, PeakBytes, SavedBytes
from benchmark.engine.measuring.pace import measure_pace
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.training.method import Method, Phase
from benchmark.engine.training.seeding import own_randomness
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError
from benchmark.schema.plugins import line_of_plugin
from benchmark.schema.recipe import Recipe
from benchmark.schema.record import Cost

NOT_SIMULATED = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)
NO_VALUES = "is not supported for tensor subclasses"  # what torch says of .numpy() and .tolist()


@dataclass(frozen=True)
class Simulation:
    """Cost of a training step, from fake tensors; never GPU memory.

    Bytes are of the most expensive phase; ``step_flops`` is the sum over phases, weighted by their share of
    the epochs. FLOPs are those of convolutions, matrix products and attention, forward and backward.
    """

    peak_bytes: int  # of all live tensors (PeakBytes)
    saved_bytes: int  # kept for the backward pass (SavedBytes)
    step_flops: int
    parameters: int  # of the deployed modules
    auxiliary_parameters: int  # of the auxiliary networks, thrown away after training


@dataclass(frozen=True)
class Simulated:
    """What is simulated of a cell; the same for all of its row's seeds, unless a method's shape hangs on the seed."""

    own: Simulation
    peak_ratio: float | None  # over the end-to-end twin's; null: that cannot be simulated
    flops_ratio: float | None
    twin_error: str | None = None  # why

    def is_of(self, real: Simulation) -> bool:
        """Whether a real step's FLOPs and the numbers of parameters are those that were simulated."""
        mine, other = ((s.step_flops, s.parameters, s.auxiliary_parameters) for s in (self.own, real))
        return mine == other


def simulate(build: Callable[[], Method], recipe: Recipe, task: Task, batch: int) -> Simulation:
    """Simulate a warm and a measured training step of each phase, on ``batch`` pictures; computes nothing.

    ``build`` makes the method as it is trained, so that what it draws at random (the layers of an auxiliary
    network, say) is what the training will see; then all weights are replaced by fake ones. Global random
    state is left as it was.

    Raises:
        UserError: a step depends on the values of tensors, which a simulation does not have, or there is no step.
    """
    with _on_fake_tensors(build, task, batch) as (method, pictures):
        return summed(method, [meter_phase(method, phase, recipe, pictures) for phase in method.phases()])


def simulate_peak(build: Callable[[], Method], recipe: Recipe, task: Task, batch: int) -> int:
    """The ``peak_bytes`` of :func:`simulate` alone, which takes about two thirds of the time.

    Raises:
        UserError: as there.
    """
    with _on_fake_tensors(build, task, batch) as (method, pictures):
        return max(_peak_of_phase(method, phase, recipe, pictures) for phase in method.phases())


@contextmanager
def _on_fake_tensors(build: Callable[[], Method], task: Task, batch: int) -> Iterator[tuple[Method, Batch]]:
    """Inside, a method whose weights are fake, and a batch that is.

    Raises:
        UserError: as :func:`simulate`.
    """
    with own_randomness():
        method = build()
        if not method.phases():
            raise UserError(f"{type(method).__name__} trains nothing, so there is no training step that could cost.")
        # a method's plain tensors stay real, so they may meet fake ones
        with FakeTensorMode(allow_non_fake_inputs=True):
            make_fake(method)
            try:
                yield method, blank_batch(task, batch, method.views)
            except Exception as error:
                if not (isinstance(error, NOT_SIMULATED) or NO_VALUES in str(error)):
                    raise
                raise UserError(_not_simulated(method, error)) from None


def _peak_of_phase(method: Method, phase: Phase, recipe: Recipe, batch: Batch) -> int:
    set_phase(method, phase)
    optimizers = build_optimizers(method, recipe, phase)
    for _ in range(method.lag + 1):
        train_step(method, batch, optimizers)
    set_phase(method, replace(phase))
    with PeakBytes(vars(method), optimizers, batch) as memory:
        for _ in range(1 + method.lag):
            train_step(method, batch, optimizers)
    return memory.peak


@dataclass(frozen=True)
class Metered:
    """What the meters say of one step."""

    peak: int
    saved: int
    flops: int
    remembered: int = 0  # bytes of the optimisers' state before the step


def summed(method: Method, steps: Sequence[Metered]) -> Simulation:
    """One metered step of each phase as one figure of each kind."""
    flops = sum(phase.share * step.flops for phase, step in zip(method.phases(), steps, strict=True))
    peak, saved = max(step.peak for step in steps), max(step.saved for step in steps)
    return Simulation(peak, saved, round(flops), *count_parameters(method))


def meter_phase(method: Method, phase: Phase, recipe: Recipe, batch: Batch) -> Metered:
    """Meter one step; those before it fill pipelines and the optimisers' state."""
    set_phase(method, phase)
    optimizers = build_optimizers(method, recipe, phase)
    for _ in range(method.lag):
        train_step(method, batch, optimizers)
    with Flops() as flops:
        train_step(method, batch, optimizers)
    remembered = PeakBytes(optimizers).live
    set_phase(method, replace(phase))  # a pipeline starts anew, so that the meters see all that it keeps
    with (
        SavedBytes(method.modules, method.auxiliaries) as saved,
        PeakBytes(vars(method), optimizers, batch) as memory,
    ):
        for _ in range(1 + method.lag):
            train_step(method, batch, optimizers)
    return Metered(memory.peak, saved.peak, flops.total, remembered)


def _not_simulated(method: Method, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    reason = ", ".join(filter(None, [reason, line_of_plugin(error)]))
    return (
        f"{type(method).__name__} cannot be simulated, because a step depends on the values of tensors "
        f"({reason}); write it without .item(), .numpy(), boolean indexing and the like."
    )


def make_fake(method: Method) -> None:
    """Replace, in place, the parameters and buffers of all modules that a method holds by fake ones.

    To be called under a FakeTensorMode. What is shared stays shared, and memory layouts are kept.
    """
    made: dict[int, tuple[Tensor, Tensor]] = {}  # the old ones too: else their ids would be given again
    roots = [value for value in vars(method).values() if isinstance(value, nn.Module)]
    for part in nn.ModuleList(roots).modules():
        tables: tuple[dict[str, Any], ...] = part._parameters, part._buffers
        for held in tables:
            for name, old in held.items():
                if old is not None:
                    if id(old) not in made:
                        made[id(old)] = old, _empty_like(old)
                    held[name] = made[id(old)][1]


def _empty_like(old: Tensor) -> Tensor:
    new = torch.empty_strided(old.shape, old.stride(), dtype=old.dtype)
    return nn.Parameter(new, requires_grad=old.requires_grad) if isinstance(old, nn.Parameter) else new


def blank_batch(task: Task, size: int, views: int = 1) -> Batch:
    """A batch of the right shapes and layouts, with nothing in particular in it."""
    shape = (size, task.channels, task.image_size, task.image_size)
    raw, y = torch.zeros(shape, dtype=torch.uint8), torch.zeros(size, dtype=torch.int64)
    rows = (size, task.image_size, task.image_size, task.channels)  # in memory, as the loader's: of one channel, too
    x, *others = (torch.zeros(rows).permute(0, 3, 1, 2) for _ in range(views))
    view = Batch(raw, y, task, others[0]) if others else None
    return Batch(raw, y, task, x, view)


def count_parameters(method: Method) -> tuple[int, int]:
    """Numbers of deployed and of auxiliary parameters; one that both use is deployed."""
    deployed = {p for part in method.deployed() for p in part.parameters()}
    auxiliary = {*method.modules.parameters(), *method.auxiliaries.parameters()} - deployed
    return sum(p.numel() for p in deployed), sum(p.numel() for p in auxiliary)


def simulate_both(
    build: Callable[[], Method],
    twin: Callable[[], Method] | None,
    recipe: Recipe,
    task: Task,
    batch: int,
    recipe_of_twin: Recipe | None = None,
) -> Simulated:
    """A method beside its end-to-end twin; without one it is its own, and the ratios are 1.

    Raises:
        UserError: as :func:`simulate`, of the method; a twin that breaks costs it its ratios and no more.
    """
    own = simulate(build, recipe, task, batch)
    if not twin:
        return Simulated(own, 1.0, 1.0)
    try:
        other = simulate(twin, recipe_of_twin or recipe, task, batch)
    except Exception as error:
        return Simulated(own, None, None, f"The end-to-end twin cannot be simulated: {brief(error)}.")
    return Simulated(own, own.peak_bytes / other.peak_bytes, own.step_flops / other.step_flops)


def measure_cost(
    build: Callable[[], Method],
    twin: Callable[[], Method] | None,
    recipe: Recipe,
    batch: Batch,
    recipe_of_twin: Recipe | None = None,
    simulated: Simulated | None = None,
) -> Cost:
    """The whole cost of a method but for what only its training tells.

    Without a ``twin`` the method is its own, and the ratios are 1. The twin trains by the same recipe, unless it has
    one of its own. A twin that breaks, or is too large for this
    machine, costs the method its ratios and no more.

    Args:
        simulated: what is known of it, from another seed.
    """
    simulated = simulated or simulate_both(build, twin, recipe, batch.task, len(batch), recipe_of_twin)
    # a busy machine bends CPU seconds less than wall time, but they do not see a GPU
    clock = time.perf_counter if batch.x.is_cuda else time.process_time
    pace = measure_pace(build, twin, recipe, batch, clock, recipe_of_twin)
    return Cost(
        **vars(simulated.own),
        peak_ratio=simulated.peak_ratio,
        flops_ratio=simulated.flops_ratio,
        time_ratio=pace.ratio,
        step_seconds=pace.seconds,
        twin_error=simulated.twin_error or pace.twin_error,
    )
