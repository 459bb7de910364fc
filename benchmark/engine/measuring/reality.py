"""The simulation compared with what it stands for: steps on real tensors, under the same meters.

A simulation says nothing of a file that looks whether tensors are fake, and a meter before the training nothing of
one that looks whether it is metered: so a step in the middle of the training is made again under the meters, and
must move the weights as it did there.
"""

from collections.abc import Callable

from torch.optim import Optimizer

from benchmark.engine.measuring.cost import Metered, Simulation, meter_phase, summed
from benchmark.engine.measuring.meter import Flops, PeakBytes
from benchmark.engine.measuring.world import Stretch, World
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import place
from benchmark.engine.training.seeding import own_randomness
from benchmark.engine.training.train import train_step
from benchmark.errors import UserError
from benchmark.schema.recipe import Recipe
from benchmark.schema.record import Cost

SLACK, SAVED_SLACK = 0.1, 0.25  # of the bytes: a real kernel may save another tensor, or put a mean in a large storage


def real_steps(build: Callable[[], Method], recipe: Recipe, batch: Batch) -> tuple[Simulation, list[Metered]]:
    """What :func:`benchmark.engine.measuring.cost.simulate` says, but of real steps; in sum, and of each phase."""
    with own_randomness():
        method = place(build(), batch.x.device)
        steps = [meter_phase(method, phase, recipe, batch) for phase in method.phases()]
    return summed(method, steps), steps


def check_simulation(simulated: Simulation | Cost, real: Simulation) -> None:
    """Raise UserError where a real step does not cost what its simulation said."""
    _compare("FLOPs", simulated.step_flops, real.step_flops, 0, "its simulation")
    _compare("bytes at its peak", simulated.peak_bytes, real.peak_bytes, SLACK, "its simulation")
    _compare("bytes saved for backward", simulated.saved_bytes, real.saved_bytes, SAVED_SLACK, "its simulation")


def check_in_training(world: World, stretch: Stretch, expected: Metered) -> None:
    """Raise UserError where a step of the training costs what it did not before, or is another one when metered.

    Bytes of a pipeline are not compared: they hang on where it began. Of others they may grow by what the optimisers
    made meanwhile, as Lookahead does every few steps.
    """
    counting = _LastStep(len(stretch.before), _count_flops)
    after = world.repeat(stretch, step=counting)
    _compare("FLOPs", expected.flops, counting.found[0], 0, "the first ones")
    if len(stretch.before) == 1:
        weighing = _LastStep(1, _weigh)
        world.repeat(stretch, step=weighing)
        found, grown = weighing.found[0], max(0, PeakBytes(stretch.after.optimizers).live - expected.remembered)
        nearest = min(max(found, expected.peak), expected.peak + grown)
        _compare("bytes at its peak", nearest, found, SLACK, "the first ones")
    if stretch.missed_by(after):
        raise UserError(
            "Made again under the meters, a step of the training moves the weights in another way: it must do the "
            "same work whether metered or not, from weights, buffers, optimisers and torch's generator alone."
        )


class _LastStep:
    """Makes the steps of a stretch, the last one under a meter."""

    def __init__(self, steps: int, meter: Callable[[Method, Batch, dict[int, Optimizer]], int]) -> None:
        self.left, self.meter = steps, meter
        self.found: list[int] = []

    def __call__(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> None:
        self.left -= 1
        if self.left:
            train_step(method, batch, optimizers)
        else:
            self.found.append(self.meter(method, batch, optimizers))


def _count_flops(method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> int:
    with Flops() as flops:
        train_step(method, batch, optimizers)
    return flops.total


def _weigh(method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> int:
    with PeakBytes(vars(method), optimizers, batch) as memory:
        train_step(method, batch, optimizers)
    return memory.peak


def _compare(unit: str, expected: int, found: int, slack: float, source: str) -> None:
    if abs(found - expected) > slack * expected:
        raise UserError(
            f"A real training step has {found:,} {unit}, {source} {expected:,}: it must do the same work at every "
            "step, on real tensors as on fake ones."
        )
