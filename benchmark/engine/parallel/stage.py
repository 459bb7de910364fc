"""The training of one module, beside the others': a :class:`Watch` whose steps are its part of each step."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmark.engine.parallel.part import make_part
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import derive_seed, seed_step
from benchmark.engine.training.train import Watch
from benchmark.errors import UserError


class Channel(Protocol):
    """How modules reach each other."""

    def receive(self) -> Tensor:
        """The output of the module before this one, of the step that it is at."""

    def hand_on(self, h: Tensor) -> None:
        """Send the output of this module to the one after it; waits for nobody but the send before it."""

    def share(self, owner: int, tensors: Sequence[Tensor]) -> None:
        """Overwrite ``tensors`` with those of the ``owner``."""

    def total(self, numbers: Sequence[float]) -> tuple[float, ...]:
        """The sums of each of the ``numbers`` over all modules."""


def modules_of(number: int, stages: int, modules: int) -> range:
    """What a stage trains: one module; the last stage has a classifier that stands apart, too."""
    return range(number, modules if number == stages - 1 else number + 1)


class Stage(Watch):
    """Trains the modules of stage ``number``; all others are as they were after the last epoch.

    A method that draws random numbers within a step draws others than in one process, where the modules share a
    stream: here a stream begins anew with each step, the same in all stages.
    """

    def __init__(self, number: int, stages: int, channel: Channel) -> None:
        self.number, self.stages, self.channel = number, stages, channel
        self.own = range(0)
        self.seed, self.phase, self.made = torch.initial_seed(), 0, 0
        self.asked: list[str] = []  # networks of other stages that a step of this one has asked
        self.stepping = False
        self.hooks: list[torch.utils.hooks.RemovableHandle] = []

    def begin(self, method: Method, phase: int, steps: int) -> None:
        self.phase, self.made, self.asked = phase, 0, []
        self.own = modules_of(self.number, self.stages, len(method.modules))
        for name, part in self._learning_elsewhere(method):
            self.hooks.append(part.register_forward_hook(lambda m, entered, h, name=name: self._spoil(name, h)))

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        """The loss of this stage's module at its place among those of the phase; zeros at the others'."""
        trains = method.phase.trains
        seed_step(derive_seed("step", self.seed, self.phase, self.made), batch.x.device)
        learned, self.stepping = None, True
        if self.own[0] <= max(trains):
            learned = make_part(method, self.own, batch, optimizers, self.channel.receive, self.channel.hand_on)
        self.stepping = False
        losses = dict.fromkeys(trains, torch.zeros((), device=batch.x.device))
        if learned is not None:
            k, loss = learned
            if not self.made and self.asked and not loss.isfinite():
                raise UserError(
                    f"Modules of {type(method).__name__} cannot train at the same time: "
                    f"the loss of module {k} needs {self.asked[0]}, which learns in another process."
                )
            losses[k] = loss
        self.made += 1
        return list(losses.values())

    def epoch_over(self, method: Method, means: tuple[float, ...]) -> tuple[float, ...]:
        for k, parts in enumerate(zip(method.modules, method.auxiliaries, strict=True)):
            tensors = [tensor for part in parts for tensor in part.state_dict().values()]
            self.channel.share(min(k, self.stages - 1), tensors)
        return self.channel.total(means)

    def end(self, method: Method) -> None:
        for hook in self.hooks:
            hook.remove()
        self.hooks = []

    def _learning_elsewhere(self, method: Method) -> Iterator[tuple[str, nn.Module]]:
        """Networks that learn in other stages, and their parts; for modules before this one others stand in."""
        for k in method.phase.trains:
            if k not in self.own:
                for part in method.auxiliaries[k].modules():
                    yield f"the auxiliary network of module {k}", part
            if k > self.own[-1]:
                for part in method.modules[k].modules():
                    yield f"module {k}", part

    def _spoil(self, name: str, h: Tensor) -> Tensor:
        """What a network puts out whose weights are out of date here: who uses it gets no finite loss."""
        if not self.stepping or not isinstance(h, Tensor):
            return h
        self.asked.append(name)
        return h * float("nan")
