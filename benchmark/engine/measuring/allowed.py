"""What may come down to a module from beyond its reach, because no gradient comes with it.

- *Outputs*: of the one forward pass of a step, as in direct feedback alignment, whose error every module is told.
- *Weights*: handed, after a step, to buffers of the auxiliary network of the next module down, as in a momentum
  auxiliary network.

Both are tried: with these given as they were in the training, and all else beyond the reach perturbed, the step must
be what it was. So nothing can be made of the weights, the Jacobians or the gradients up there.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.engine.measuring.state import Place, State, same
from benchmark.engine.measuring.world import Step, Stretch, World
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import train_step

Pass = list[tuple[Tensor, Tensor]]  # input and output of each module in turn


class ForwardPasses:
    """The forward passes of a stretch of steps: taken down in one world, given in another one."""

    def __init__(self) -> None:
        self.passes: list[Pass] = []
        self.plain = True  # each step has one forward pass, module after module, and both worlds the same

    def taking_down(self) -> Step:
        """A step whose forward pass is taken down."""

        def step(method: Method, batch: Batch, optimizers: dict) -> None:
            calls: list[list[tuple[Tensor, Tensor]]] = [[] for _ in method.modules]
            with hooked({module: partial(_take_down, calls[k]) for k, module in enumerate(method.modules)}):
                train_step(method, batch, optimizers)
            self.plain = self.plain and all(len(each) == 1 for each in calls)
            self.passes.append([each[0] for each in calls] if self.plain else [])
            h = batch.x
            for seen, out in self.passes[-1]:
                self.plain = self.plain and same(seen, h)
                h = out

        return step

    def given_to(self, beyond: Iterable[int]) -> Step:
        """A step in which the modules ``beyond`` put out what was taken down, whatever they compute."""
        passes = iter(self.passes)

        def step(method: Method, batch: Batch, optimizers: dict) -> None:
            taken = next(passes)
            with hooked({method.modules[k]: partial(self._give, *taken[k]) for k in beyond}):
                train_step(method, batch, optimizers)

        return step

    def _give(self, seen: Tensor, out: Tensor, module: nn.Module, args: tuple, computed: Tensor) -> Tensor:
        self.plain = self.plain and same(args[0], seen)
        given: Tensor = _Given.apply(computed, out)
        return given


def _take_down(calls: Pass, module: nn.Module, args: tuple, out: Tensor) -> None:
    calls.append((args[0].detach().clone(), out.detach().clone()))


class _Given(torch.autograd.Function):
    """The value of one tensor with the gradient of another one."""

    @staticmethod
    def forward(ctx: Any, computed: Tensor, given: Tensor) -> Tensor:
        return given.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


@contextmanager
def hooked(hooks: dict[nn.Module, Callable]) -> Iterator[None]:
    """Inside, each module has its forward hook."""
    handles = [module.register_forward_hook(hook) for module, hook in hooks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def made_of_weights(world: World, stretch: Stretch, handed: set[Place]) -> bool:
    """Whether ``after_step`` alone, in a world that never saw a batch, makes of the weights what stands there."""
    method, last = world.method, stretch.before[-1].state
    optimizers = world.enter(stretch.phase)
    last.put(method, optimizers)
    for k in method.phase.trains:
        stepped = {p: t for p, t in stretch.after.tensors.items() if p.k == k and p not in handed}
        now = State.of(method, optimizers, world.device)
        State({**now.tensors, **stepped}, now.optimizers, now.randomness).put(method, optimizers)
        try:
            method.after_step(k)
        except Exception:  # it needs more than the weights
            return False
    found = State.of(method, optimizers, world.device).tensors
    return all(same(found[place], stretch.after.tensors[place]) for place in handed)
