"""Watches a training: at steps that nobody can foretell, what a method claims is tried on what the training did."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from secrets import SystemRandom

import torch
from torch import Tensor
from torch.optim import Optimizer

from benchmark.engine.measuring.cost import Metered
from benchmark.engine.measuring.isolation import Trial
from benchmark.engine.measuring.reality import check_in_training
from benchmark.engine.measuring.state import Place, State, changed, copied_places, randomness_kept
from benchmark.engine.measuring.world import Moment, Stretch, World, copied
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import Watch, train_step
from benchmark.errors import UserError

PARTS = 4  # of a phase, in each of which one stretch of steps is tried, and its last step metered


class Examiner(Watch):
    """Tries stretches of steps in a second world, after they were made; the training itself is only read.

    Args:
        fresh: makes a world, of the method's file read anew.
        steps: what a real step of each phase was metered at before the training; none: no meters.

    Attributes:
        leak: what was found to break the claimed isolation, in words.
        cuda_peak: bytes, before the last trial; each trial starts the count anew, to keep itself out of it.
    """

    def __init__(self, fresh: Callable[[], World], steps: Sequence[Metered] = ()) -> None:
        self.fresh, self.steps = fresh, steps
        self.leak: str | None = None
        self.cuda_peak = 0
        self.spent = 0.0  # seconds
        self.trial: Trial | None = None
        self.phase = self.made = self.tried_before = self.steps_of_phase = 0
        self.starts: list[int] = []
        self.open: dict[int, list[Moment]] = {}  # by their start
        self.resting: dict[Place, Tensor] = {}
        self.left: dict[Place, Tensor] = {}  # by some of the steps: what the next one must begin with

    def begin(self, method: Method, phase: int, steps: int) -> None:
        self.check_untouched(method)
        self.phase, self.made, self.tried_before, self.open = phase, 0, 0, {}
        self.steps_of_phase = steps - method.lag
        self.starts = draw_starts(self.steps_of_phase, PARTS)
        resting = set(range(len(method.modules))) - set(method.phase.trains)
        self.resting = copied_places(method, resting) if method.reach is not None else {}

    def go_on_from(self, method: Method, made: int, tried: int) -> None:
        """The phase that has begun goes on after so many steps, of which so many stretches were tried.

        What is yet to be tried is drawn anew, from the steps that are left: nobody could have kept it a secret.
        """
        self.made, self.tried_before = made, tried
        self.starts = draw_starts(self.steps_of_phase, PARTS, made, tried)
        self.left = copied_places(method, set(range(len(method.modules))))

    def own(self) -> dict[str, Tensor]:
        """What else it needs to go on: what is yet to be tried is drawn anew, and needs nothing."""
        return {}

    def go_on_with(self, own: Mapping[str, Tensor]) -> None:
        """The same, from a checkpoint, after :meth:`go_on_from`."""

    @property
    def tried(self) -> int:
        """How many stretches of this phase were tried, those that are under way among them."""
        return self.tried_before + sum(start < self.made for start in self.starts)

    def look(self, method: Method) -> None:
        """Whether anything has moved that rests in this phase: it is known by what it was when the phase began."""
        if moved := changed(method, self.resting):
            self.leak = self.leak or f"module {moved.k} moves in a phase that does not train it"

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        begun = time.perf_counter()
        self.check_untouched(method)
        if self.made in self.starts:
            self.open[self.made] = []
        if self.open:
            moment = Moment(State.of(method, optimizers, batch.x.device), copied(batch))
            for moments in self.open.values():
                moments.append(moment)
        self.spent += time.perf_counter() - begun
        losses = train_step(method, batch, optimizers)
        begun = time.perf_counter()
        for start in [start for start, moments in self.open.items() if len(moments) > method.lag]:
            after = State.of(method, optimizers, batch.x.device)
            self.left = after.tensors
            self._try(Stretch(self.phase, tuple(self.open.pop(start)), after), start, batch.x.device)
        self.made += 1
        self.spent += time.perf_counter() - begun
        return losses

    def end(self, method: Method) -> None:
        self.look(method)
        self.left = copied_places(method, set(range(len(method.modules))))

    def check_untouched(self, method: Method) -> None:
        """Raise UserError where something else than a step has moved weights or buffers, as far as that is known."""
        if changed(method, self.left):
            raise UserError("Weights or buffers move between training steps; they may move in training steps alone.")
        self.left = {}

    def clock(self) -> float:
        return time.perf_counter() - self.spent

    def _try(self, stretch: Stretch, start: int, device: torch.device) -> None:
        """Leaves no trace; where a GPU cannot hold a second network beside the training, nothing is tried."""
        if device.type == "cuda":
            self.cuda_peak = max(self.cuda_peak, torch.cuda.max_memory_allocated(device))
        try:
            with randomness_kept(device):
                self.trial = self.trial or Trial(self.fresh)
                self.leak = self.leak or self.trial.leak(stretch)
                if start and self.steps:  # at the first step optimisers hold less than ever after
                    check_in_training(self.trial.world, stretch, self.steps[stretch.phase])
        except torch.OutOfMemoryError:
            pass
        finally:
            if device.type == "cuda":
                self.trial = None
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(device)


class Bystander(Examiner):
    """Tries nothing, and counts steps: where nobody asks for trials, or another process makes them."""

    def __init__(self) -> None:
        def no_world() -> World:
            raise NotImplementedError

        super().__init__(no_world)

    def begin(self, method: Method, phase: int, steps: int) -> None:
        self.made = 0

    def go_on_from(self, method: Method, made: int, tried: int) -> None:
        self.made = made

    def look(self, method: Method) -> None:
        """At nothing."""

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        self.made += 1
        return train_step(method, batch, optimizers)

    def end(self, method: Method) -> None:
        """Nothing was tried."""


def draw_starts(steps: int, parts: int, made: int = 0, tried: int = 0) -> list[int]:
    """One of so many steps in each of so many equal parts, by the system's own randomness; sorted, none twice.

    Args:
        made: steps that are behind; none of them is drawn.
        tried: parts that have had theirs, the first ones of those that are not empty.
    """
    edges = [steps * part // parts for part in range(parts + 1)]
    draw = SystemRandom()
    left = [(a, b) for a, b in pairwise(edges) if b > a][tried:]
    return [draw.randrange(max(a, made), b) for a, b in left if b > made]
