"""A second world: the method built again, from its file read again, which is given a training's state and one step.

A file may notice that it is looked at here, by its age or by its weights: nothing is won by it. What it does here is
compared with what the training itself did in the same step, and the training is never touched, so nothing in it tells
that the step was one of those that are compared.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from secrets import randbits

import torch
from torch import Tensor
from torch.optim import Optimizer

from benchmark.engine.measuring.state import GENERATORS, Place, State, near, places
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method, Phase
from benchmark.engine.training.process import place
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.schema.recipe import Recipe

Step = Callable[[Method, Batch, dict[int, Optimizer]], object]
FACTOR = (0.5, 1.5)  # what a perturbed number is multiplied by; the sign is another one half of the times
GENTLE = 0.01
SHIFT = 0.05  # and how far it is moved, one standard deviation: weights may be zero


@dataclass(frozen=True)
class Moment:
    """A step of a training before it is made: what it hangs on."""

    state: State
    batch: Batch


@dataclass(frozen=True)
class Stretch:
    """Neighbouring steps of a training: each before it was made, and what the last of them left behind.

    One step, unless the method is a pipeline that must fill (``lag``).
    """

    phase: int  # index
    before: tuple[Moment, ...]
    after: State

    def missed_by(self, state: State) -> set[Place]:
        """Where the last step, made again, left something else behind; the global generators are such a place."""
        missed = state.differs(self.after)
        if not state.randomness.same(self.after.randomness):
            missed.add(GENERATORS)
        if self.after.repeatable:
            return missed
        mine, theirs, before = state.flat(), self.after.flat(), self.before[-1].state.flat()
        both = mine.keys() & theirs.keys()
        return {p for p in missed if p not in both or not near(mine[p], theirs[p], before.get(p, 0 * theirs[p]))}


class World:
    """A method of its own, on the training's device."""

    def __init__(self, method: Method, recipe: Recipe, device: torch.device) -> None:
        self.method = place(method, device)
        self.recipe, self.device = recipe, device
        self.phases: Sequence[Phase] = list(self.method.phases())

    def enter(self, phase: int) -> dict[int, Optimizer]:
        """Begin a phase anew, pipelines too; returns its optimisers."""
        set_phase(self.method, replace(self.phases[phase]))
        return build_optimizers(self.method, self.recipe, self.method.phase)

    def perturbed(
        self, stretch: Stretch, beyond: Iterable[int], step: Callable[[], Step] = lambda: train_step
    ) -> State:
        """As :meth:`repeat` with modules ``beyond`` perturbed: as far as can be, gently if the step breaks of it."""
        try:
            return self.repeat(stretch, beyond, step())
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception:  # of an inverse that is none any more, for instance
            return self.repeat(stretch, beyond, step(), GENTLE)

    def repeat(
        self, stretch: Stretch, perturbed: Iterable[int] = (), step: Step = train_step, strength: float = 1.0
    ) -> State:
        """Make the steps of a stretch again, each from the training's own state; what the last one leaves behind.

        Args:
            perturbed: modules that have other weights, buffers and optimisers' states than in the training.
            step: how a step is made.
            strength: share of the way to their other numbers.
        """
        optimizers, beyond = self.enter(stretch.phase), set(perturbed)
        for moment in stretch.before:
            moment.state.put(self.method, optimizers)
            if beyond:
                perturb(self.method, optimizers, beyond, strength)
            batch = copied(moment.batch)
            moment.state.randomness.restore(self.device)
            step(self.method, batch, optimizers)
        return State.of(self.method, optimizers, self.device)


def observe(method: Method, phase: int, optimizers: dict[int, Optimizer], batches: Sequence[Batch]) -> Stretch:
    """Train a method on some batches, and keep what these steps hung on and did."""
    device, moments = batches[0].x.device, []
    for batch in batches:
        moments.append(Moment(State.of(method, optimizers, device), copied(batch)))
        train_step(method, batch, optimizers)
    return Stretch(phase, tuple(moments), State.of(method, optimizers, device))


def copied(batch: Batch) -> Batch:
    """The same pictures in tensors of their own."""
    view = copied(batch.view) if batch.view else None
    return Batch(batch.raw.clone(), batch.y.clone(), batch.task, batch.x.clone(), view)


def perturb(method: Method, optimizers: dict[int, Optimizer], beyond: set[int], strength: float = 1.0) -> None:
    """Give the modules ``beyond``, their auxiliary networks and optimisers other numbers; nobody can know which.

    What a module that is not among them has a share in stays as it is.
    """
    draw = torch.Generator().manual_seed(randbits(63))
    held = places(method)
    kept = {id(t) for place, t in held.items() if place.part == "module" and place.k not in beyond}
    theirs = {id(t): (place, t) for place, t in held.items() if place.part == "module" and place.k in beyond}
    own = {id(t) for place, t in held.items() if place.k not in beyond} - theirs.keys()
    theirs |= {id(t): (place, t) for place, t in held.items() if place.k in beyond and id(t) not in own}
    for key, (at, tensor) in theirs.items():
        if key not in kept:
            tensor.data.copy_(_other(tensor.detach().cpu(), at.kind == "parameter", draw, strength))
    for k in beyond & optimizers.keys():
        for values in optimizers[k].state_dict()["state"].values():
            for value in values.values():
                if isinstance(value, Tensor) and value.dim():
                    value.copy_(_other(value.detach().cpu(), False, draw, strength))


def _other(old: Tensor, weight: bool, draw: torch.Generator, strength: float) -> Tensor:
    """Other numbers of the same kind: variances stay positive, whole numbers change places."""
    flat = old.flatten()
    if not weight:
        flat = flat[torch.randperm(len(flat), generator=draw)]
    if not old.is_floating_point():
        return flat.view(old.shape)
    low, high = FACTOR
    factor = low + (high - low) * torch.rand(len(flat), generator=draw, dtype=old.dtype)
    if weight or bool((flat < 0).any()) or not bool(flat.any()):
        factor *= 2.0 * torch.randint(2, (len(flat),), generator=draw) - 1
        flat = flat + SHIFT * torch.randn(len(flat), generator=draw, dtype=old.dtype)
    return old + strength * ((flat * factor).view(old.shape) - old)
