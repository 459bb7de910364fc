"""One module's part of a training step: those before it are what was received, those after it do not run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.frozen import has_frozen_weights
from benchmark.engine.training.method import LocalMethod, Method
from benchmark.engine.training.precision import Losses, precision_of
from benchmark.engine.training.train import finish_module
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
    own: int,
    batch: Batch,
    optimizers: dict[int, Any],
    receive: Callable[[], Tensor],
    hand_on: Callable[[Tensor], None],
) -> Tensor | None:
    """Run module ``own`` on what is received, hand its output on, and train it, if the phase does.

    Returns:
        Its loss, detached; none where it does not learn.
    """
    trains = method.phase.trains
    ahead = own < max(trains)  # somebody needs its output
    with _alone(method, own, receive, hand_on if ahead else lambda h: None):
        losses = Losses(method, batch, precision_of(optimizers))
        if own not in trains:
            with suppress(_HandedOn):
                next(losses)
                raise UserError(f"Module {own} does not run as a whole, so its output cannot be handed on.")
            return None
        for k, loss in zip(trains, losses, strict=False):
            if k == own:
                if loss.requires_grad or not has_frozen_weights(method):
                    loss.backward()
                learned = loss.detach()
                break
        del loss
    finish_module(method, own, optimizers.get(own))
    return learned


@contextmanager
def _alone(
    method: Method, own: int, receive: Callable[[], Tensor], hand_on: Callable[[Tensor], None]
) -> Iterator[None]:
    """Inside, ``method`` has one module that runs; the ones before it give what is received, and no loss of theirs."""
    whole, learns = method.modules, own in method.phase.trains
    stand_ins = [StandIn((lambda h: receive()) if k == own - 1 else (lambda h: h)) for k in range(own)]
    method.modules = nn.ModuleList([*stand_ins, *whole[own:]])
    hook = None
    if not learns:
        hook = whole[own].register_forward_hook(lambda module, entered, h: _end(hand_on, h))
    elif isinstance(method, LocalMethod):
        _replace(method, own, stand_ins, hand_on)
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


def _replace(method: LocalMethod, own: int, stand_ins: list[StandIn], hand_on: Callable[[Tensor], None]) -> None:
    forward, local_loss = method.forward, method.local_loss

    def forward_of(k: int, h: Tensor) -> Tensor:
        if k < own:
            return stand_ins[k](h)
        h = forward(k, h)
        hand_on(h.detach())
        return h

    def loss_of(k: int, h: Tensor, batch: Batch) -> Tensor:
        return torch.zeros((), device=h.device) if k < own else local_loss(k, h, batch)

    method.forward, method.local_loss = forward_of, loss_of  # type: ignore[method-assign]
