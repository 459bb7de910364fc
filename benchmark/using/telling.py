"""How far a training of one's own is, after every step: an epoch can take hours."""

from collections.abc import Callable

from torch import Tensor
from torch.optim import Optimizer

from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Watch


class Telling(Watch):
    """Calls ``tell`` after each step; all else is the business of another watch."""

    def __init__(self, other: Watch, tell: Callable[[], None]) -> None:
        self.other, self.tell = other, tell
        self.go_on, self.begin, self.epoch_over = other.go_on, other.begin, other.epoch_over  # type: ignore[method-assign]
        self.end, self.clock = other.end, other.clock  # type: ignore[method-assign]

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        """Make one step, and tell."""
        losses = self.other.step(method, batch, optimizers)
        self.tell()
        return losses
