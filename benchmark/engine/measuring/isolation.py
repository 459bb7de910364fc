"""Gradient isolation, tried in two ways.

Each loss is changed, to see which modules' gradients move with it (:func:`leaks`). And the weights, buffers and
optimisers beyond a module's reach are changed, to see whether its whole update, after the optimisers and
``after_step``, is what it was in the training, to the bit (:class:`Trial`): so it does not matter how a file makes
a module move, by losses, by ``.grad`` or by hand.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from benchmark.engine.measuring.allowed import ForwardPasses, made_of_weights
from benchmark.engine.measuring.state import GENERATORS, Place, State, near, randomness_kept, same
from benchmark.engine.measuring.world import Stretch, World, observe
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.frozen import has_frozen_weights
from benchmark.engine.training.method import Method, Phase
from benchmark.engine.training.precision import Losses
from benchmark.engine.training.train import set_phase
from benchmark.schema.recipe import Precision

PERTURBATION = 3.0  # any factor but one: a loss is multiplied by it
ADVICE = ": detach between them, or raise `reach`"
UNREPEATED = (
    "a step that is made again from its weights, buffers, optimisers and seed moves them in another way, so its "
    "isolation cannot be tried: keep what lives from step to step in buffers of the auxiliary networks"
)


class Trial:
    """Tries steps of a training in a world of their own.

    Args:
        fresh: makes a world, of the method's file read anew.
    """

    def __init__(self, fresh: Callable[[], World]) -> None:
        self.fresh, self.world = fresh, fresh()

    def leak(self, stretch: Stretch) -> str | None:
        """What breaks the method's claim in a stretch of steps, in words; none if it holds."""
        reach, trains = self.world.method.reach, self.world.phases[stretch.phase].trains
        if reach is None:
            return None
        resting = {place.k for place in stretch.before[0].state.differs(stretch.after)} - set(trains)
        if resting:
            return f"a step moves module {min(resting)}, which its phase does not train"
        count = len(self.world.method.modules)
        for first in sorted({k + reach + 1 for k in trains} & set(range(count))):
            try:
                found = self._leak_from(stretch, range(first, count), first - reach)
            except (MemoryError, torch.OutOfMemoryError):
                raise
            except Exception:  # what the step needs is not all in the training's state
                found = UNREPEATED
            if found:
                return found
        return None

    def _leak_from(self, stretch: Stretch, beyond: range, judged: int) -> str | None:
        """How the modules ``beyond`` decide the update of one below number ``judged``."""
        moved = self._moved(self.world.perturbed(stretch, beyond), stretch, judged)
        if not moved:
            return None
        passes = ForwardPasses()
        if stretch.missed_by(self.world.repeat(stretch, step=passes.taking_down())):
            return UNREPEATED
        if passes.plain:
            given = self.world.perturbed(stretch, beyond, partial(passes.given_to, beyond))
            moved = self._moved(given, stretch, judged) if passes.plain else moved
        handed = {p for p in moved if (p.k, p.part, p.kind) == (judged - 1, "auxiliary", "buffer")}
        if moved <= handed and (not handed or made_of_weights(self.fresh(), stretch, handed)):
            return None
        own = min(moved - handed or moved)
        what = "the state of the random generators" if own == GENERATORS else f"the update of module {own.k}"
        return f"{what} hangs on the weights of module {beyond[0]} or above{ADVICE}"

    @staticmethod
    def _moved(state: State, stretch: Stretch, judged: int) -> set[Place]:
        return {place for place in stretch.missed_by(state) if place.k < judged}


def leak_at_start(fresh: Callable[[], World], batches: Callable[[int, int], Sequence[Batch]]) -> str | None:
    """What breaks the method's claim when each of its phases begins, in words; none if it holds.

    Args:
        batches: the first ones of a phase, by its number, so many.
    """
    world = fresh()
    if world.method.reach is None:
        return None
    (batch,) = batches(0, 1)
    if moved := leaks(world.method, batch, world.recipe.precision):
        steady = all(_is_steady(world.method, phase, batch, world.recipe.precision) for phase in world.phases)
        return f"a loss moves modules {moved[0]}{ADVICE}" if steady else UNREPEATED
    trial = Trial(fresh)
    with randomness_kept(world.device):
        torch.manual_seed(0)
        for phase in range(len(world.phases)):
            stretch = observe(world.method, phase, world.enter(phase), batches(phase, 1 + world.method.lag))
            if found := trial.leak(stretch):
                return found
    return None


def leaks(method: Method, batch: Batch, precision: Precision = "fp32") -> list[tuple[int, ...]]:
    """The modules that a loss moves, for each loss that breaks the method's claims; none if all hold.

    A loss must move neighbours only, at most ``1 + reach`` of them, and only those that its phase trains.
    """
    found = []
    for phase in method.phases():
        set_phase(method, phase)
        for moved in moved_modules(method, batch, precision):
            too_far = method.reach is not None and moved and moved[-1] - moved[0] > method.reach
            if too_far or not set(moved) <= set(phase.trains):
                found.append(moved)
    return found


def _is_steady(method: Method, phase: Phase, batch: Batch, precision: Precision) -> bool:
    """Whether losses that nobody changes give the same gradients again, so that changed ones tell something."""
    set_phase(method, phase)
    once, again = (_gradients(method, batch, precision)[0] for _ in range(2))
    return all(map(_same, once, again))


def moved_modules(method: Method, batch: Batch, precision: Precision = "fp32") -> list[tuple[int, ...]]:
    """For each loss of the current phase, the modules (auxiliary network included) whose gradient hangs on it.

    Each loss in turn is multiplied by a constant, and all gradients are compared bit by bit with the
    unperturbed ones. Weights, buffers and random state are put back.
    """
    plain, losses = _gradients(method, batch, precision)
    found = []
    for j in range(losses):
        perturbed, _ = _gradients(method, batch, precision, perturb=j)
        found.append(tuple(k for k, (a, b) in enumerate(zip(plain, perturbed, strict=True)) if not _same(a, b)))
    return found


def _gradients(
    method: Method, batch: Batch, precision: Precision, perturb: int | None = None
) -> tuple[list[list[Tensor]], int]:
    """Gradients by module after all losses of one batch, and the number of losses; leaves no trace."""
    parts = [*method.modules, *method.auxiliaries]
    buffers = [(b, b.clone()) for part in parts for b in part.buffers()]
    losses = 0
    with randomness_kept(batch.x.device):
        torch.manual_seed(0)
        for j, loss in enumerate(Losses(method, batch, precision)):
            if loss.requires_grad or not has_frozen_weights(method):
                (loss * PERTURBATION if j == perturb else loss).backward()
            losses += 1
    gradients = []
    for module, auxiliary in zip(method.modules, method.auxiliaries, strict=True):
        parameters = [*module.parameters(), *auxiliary.parameters()]
        gradients.append([p.grad for p in parameters if p.grad is not None])
        for p in parameters:
            p.grad = None
    for buffer, before in buffers:
        buffer.copy_(before)
    return gradients, losses


def _same(a: list[Tensor], b: list[Tensor]) -> bool:
    return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))


def _equal(x: Tensor, y: Tensor) -> bool:
    return same(x, y) or (x.is_cuda and near(x, y, torch.zeros_like(x)))  # not all its kernels repeat themselves
