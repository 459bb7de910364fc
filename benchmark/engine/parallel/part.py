"""Some modules' part of a training step: those before it are what was received, those after it do not run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.finishing import back_propagate, finish_module
from benchmark.engine.training.method import LocalMethod, Method
from benchmark.engine.training.precision import Losses, precision_of, recompute_of
from benchmark.errors import UserError


class StandIn(nn.Module):
    """Stands for a module that runs elsewhere: whatever comes in, its output is what ``output`` makes of it."""

    def __init__(self, output: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.output = output

    def forward(self, h: Tensor) -> Tensor:
        return self.output(h)


class _HandedOn(Exception):
    """A module that does not learn has done its part of the step."""


def make_part(
    method: Method,
    own: range,
    batch: Batch,
    optimizers: dict[int, Any],
    receive: Callable[[], Tensor],
    hand_on: Callable[[Tensor], None],
) -> tuple[int, Tensor] | None:
    """Run the modules ``own`` on what is received, hand their output on, and train the last that the phase trains.

    Returns:
        The module that has learned and its loss, detached; none where none of them learns.
    """
    trains = method.phase.trains
    top = min(own[-1], max(trains))
    ahead = top < max(trains)  # somebody needs its output
    with _alone(method, own[0], top, receive, hand_on if ahead else lambda h: None):
        losses = Losses(method, batch, precision_of(optimizers), recompute_of(optimizers))
        if top not in trains:
            with suppress(_HandedOn):
                next(losses)
                raise UserError(f"Module {top} does not run as a whole, so its output cannot be handed on.")
            return None
        learned = _learn(method, top, losses)
    finish_module(method, top, optimizers.get(top))
    return top, learned


def _learn(method: Method, top: int, losses: Iterator[Tensor]) -> Tensor:
    for k, loss in zip(method.phase.trains, losses, strict=False):
        if k == top:
            back_propagate(method, loss)
            return loss.detach()
    raise UserError(f"There is no loss of module {top}.")


@contextmanager
def _alone(
    method: Method, first: int, top: int, receive: Callable[[], Tensor], hand_on: Callable[[Tensor], None]
) -> Iterator[None]:
    """Inside, modules from ``first`` on run; the ones before it give what is received, and no loss of theirs."""
    whole, learns = method.modules, top in method.phase.trains
    stand_ins = [StandIn((lambda h: receive()) if k == first - 1 else (lambda h: h)) for k in range(first)]
    method.modules = nn.ModuleList([*stand_ins, *whole[first:]])
    hook = None
    if not learns:
        hook = whole[top].register_forward_hook(lambda module, entered, h: _end(hand_on, h))
    elif isinstance(method, LocalMethod):
        _replace(method, first, top, stand_ins, hand_on)
    try:
        yield
    finally:
        method.modules = whole
        if hook:
            hook.remove()
        for name in ("forward", "local_loss"):
            vars(method).pop(name, None)


def _end(hand_on: Callable[[Tensor], None], h: Tensor) -> None:
    hand_on(h.detach())
    raise _HandedOn


def _replace(
    method: LocalMethod, first: int, top: int, stand_ins: list[StandIn], hand_on: Callable[[Tensor], None]
) -> None:
    forward, local_loss = method.forward, method.local_loss

    def forward_of(k: int, h: Tensor) -> Tensor:
        if k < first:
            return stand_ins[k](h)
        h = forward(k, h)
        if k == top:
            hand_on(h.detach())
        return h

    def loss_of(k: int, h: Tensor, batch: Batch) -> Tensor:
        return local_loss(k, h, batch) if k == top else torch.zeros((), device=h.device)

    method.forward, method.local_loss = forward_of, loss_of  # type: ignore[method-assign]
