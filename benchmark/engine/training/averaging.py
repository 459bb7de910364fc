"""Steps on a batch that is made in parts: one after the other, in several processes, or both.

A part is an equal, contiguous share of the batch. Each is gone through as a batch would be, and the gradients of all
are averaged: of the losses of this field, which are means over pictures, that is the gradient of the whole batch. What
compares pictures (BatchNorm, kernels, contrastive losses) sees its part alone, or, where the recipe says so, the parts
of all processes (:mod:`benchmark.engine.objectives.process_group`). Running statistics are those of the first part.

Among processes, a module's gradients travel as one flat tensor while the next module runs forward and backward, and
the module steps when they have come. Where no module is complete before the last loss (end-to-end backpropagation
above all), they travel in buckets, each as soon as the backward pass has come through it.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmark.engine.objectives.process_group import TOGETHER, ProcessGroup
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.buffers import on_copies_of_buffers
from benchmark.engine.training.finishing import back_propagate, finish_module
from benchmark.engine.training.method import Method
from benchmark.engine.training.precision import Losses, recompute_of
from benchmark.errors import UserError
from benchmark.schema.recipe import Precision

BUCKET = 25 * 2**20  # bytes, as DistributedDataParallel's: small enough to leave early, large enough to be worth it


@dataclass(frozen=True)
class Sharing:
    """How the batches of a training are shared out.

    Args:
        parts: that this process makes of its batches, one after the other.
        group: the processes; none: this one has the whole batch.
        norms, objectives: whether BatchNorm and objectives see the parts of all processes.
    """

    parts: int = 1
    group: ProcessGroup | None = None
    norms: bool = False
    objectives: bool = False

    def __bool__(self) -> bool:
        return self.parts > 1 or self.group is not None


@dataclass
class Flight:
    """Gradients on their way through all processes, as views of one flat tensor."""

    gradients: list[tuple[nn.Parameter, Tensor]]
    flat: Tensor
    arrival: Any


@dataclass
class Bucket:
    """Parameters of one module whose gradients leave together."""

    parameters: list[nn.Parameter] = field(default_factory=list)
    arrived: int = 0  # gradients, in this step; a parameter that two losses reach has two
    expected: int = 0  # as many as in the last step; 0: nobody knows yet
    flights: list[Flight] = field(default_factory=list)

    def leave(self, group: ProcessGroup) -> None:
        """Send the gradients that are there, and forget them here."""
        there = [(p, p.grad) for p in self.parameters if p.grad is not None]
        if not there:
            return
        flat = there[0][1].new_empty(sum(gradient.numel() for _, gradient in there))
        views, start = [], 0
        for _, gradient in there:
            views.append(_view(flat, start, gradient))
            start += gradient.numel()
        torch._foreach_copy_(views, [gradient for _, gradient in there])
        for p, _ in there:
            p.grad = None
        gradients = [(p, view) for (p, _), view in zip(there, views, strict=True)]
        self.flights.append(Flight(gradients, flat, group.sum_later(flat)))

    def arrive(self, group: ProcessGroup) -> None:
        """Wait for all that has left; parameters have the sums over all processes as gradients then."""
        self.leave(group)  # what came after the rest had left
        for flight in self.flights:
            flight.arrival.wait()
            for p, gradient in flight.gradients:
                p.grad = gradient if p.grad is None else p.grad + gradient
        self.flights, self.expected, self.arrived = [], self.arrived, 0


def _view(flat: Tensor, start: int, like: Tensor) -> Tensor:
    """A part of ``flat`` in shape and, where it has no gaps, memory layout of another tensor."""
    whole = like.is_contiguous() or (like.dim() == 4 and like.is_contiguous(memory_format=torch.channels_last))
    return flat.as_strided(like.shape, like.stride(), start) if whole else flat[start:][: like.numel()].view(like.shape)


class Averaging:
    """Makes the steps of a phase.

    Args:
        optimizers: of the modules that the phase trains.

    Raises:
        UserError: the method is a pipeline, which one process cannot fill with parts of one step.
    """

    def __init__(
        self, method: Method, optimizers: Mapping[int, Optimizer], precision: Precision, sharing: Sharing
    ) -> None:
        if sharing.parts > 1 and method.lag:
            raise UserError(
                f"{type(method).__name__} is a pipeline over steps, so a process cannot make a batch in "
                f"{sharing.parts} parts: leave `parts` out of the recipe, or give it as many GPUs (--gpus-per-cell)."
            )
        self.optimizers, self.precision, self.sharing, self.group = optimizers, precision, sharing, sharing.group
        self.recompute = recompute_of(optimizers)
        limit = float("inf") if method.steps_early else BUCKET
        self.buckets = {k: in_buckets(parameters_of(o), limit) for k, o in optimizers.items()} if self.group else {}
        self.final = False  # whether the last part is on its way, whose gradients complete the sum
        self.hooks = [
            p.register_post_accumulate_grad_hook(partial(self._arrived, bucket))
            for buckets in self.buckets.values()
            for bucket in buckets
            for p in bucket.parameters
        ]

    def close(self) -> None:
        """The phase is over."""
        for hook in self.hooks:
            hook.remove()

    def step(self, method: Method, batch: Batch) -> list[Tensor]:
        """One step on this process's share of a batch; returns each loss's mean over all parts."""
        first, *others = batch.parts(self.sharing.parts)
        seen = [group if shared else None for group, shared in self._shared()]
        with TOGETHER.over(*seen):
            rows = [self._without_trace(method, part) for part in others]
            self.final = True
            try:
                rows.append(self._last_part(method, first))
            finally:
                self.final = False
        return self._mean(rows)

    def _shared(self) -> list[tuple[ProcessGroup | None, bool]]:
        return [(self.group, self.sharing.norms), (self.group, self.sharing.objectives)]

    def _without_trace(self, method: Method, part: Batch) -> list[Tensor]:
        """Gradients of a part; buffers are then as before."""
        with ExitStack() as copies:
            copies.enter_context(on_copies_of_buffers(method.modules))
            copies.enter_context(on_copies_of_buffers(method.auxiliaries))
            return [back_propagate(method, loss) for loss in Losses(method, part, self.precision, self.recompute)]

    def _last_part(self, method: Method, part: Batch) -> list[Tensor]:
        losses: list[Tensor] = []
        order, complete = iter(method.phase.trains), list[int]()
        for loss in Losses(method, part, self.precision, self.recompute):
            losses.append(back_propagate(method, loss))
            del loss  # the generator goes on: nothing of this module's graph may live
            if method.steps_early:
                complete.append(next(order))
                self._leave(complete[-1])
                if self.group is None or len(complete) > 1:  # it had the time of a module to travel
                    self._finish(method, complete.pop(0))
        if not method.steps_early:
            complete = list(method.phase.trains)
            for k in complete:
                self._leave(k)
        for k in complete:
            self._finish(method, k)
        return losses

    def _arrived(self, bucket: Bucket, p: nn.Parameter) -> None:
        """A parameter has a gradient; autograd calls this in its backward pass."""
        if self.final and self.group:
            bucket.arrived += 1
            if bucket.arrived == bucket.expected:
                bucket.leave(self.group)

    def _leave(self, k: int) -> None:
        for bucket in self.buckets.get(k, ()):
            if self.group and not bucket.flights:
                bucket.leave(self.group)

    def _finish(self, method: Method, k: int) -> None:
        optimizer = self.optimizers.get(k)
        if optimizer:
            self._average(k, optimizer)
        finish_module(method, k, optimizer)

    def _average(self, k: int, optimizer: Optimizer) -> None:
        """The gradients of module ``k`` as means over all parts of all processes."""
        for bucket in self.buckets.get(k, ()):
            if self.group:
                bucket.arrive(self.group)
        gradients = [p.grad for p in parameters_of(optimizer) if p.grad is not None]
        if gradients:
            torch._foreach_div_(gradients, self.sharing.parts * (self.group.size if self.group else 1))

    def _mean(self, rows: list[list[Tensor]]) -> list[Tensor]:
        mean = torch.stack([torch.stack(row) for row in rows]).mean(0)
        return list(self.group.mean(mean) if self.group else mean)


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """All that it steps."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def in_buckets(parameters: list[nn.Parameter], limit: float) -> list[Bucket]:
    """Parameters of up to ``limit`` bytes each, of one type, from the last to the first as a backward pass goes."""
    buckets: list[Bucket] = []
    held, kind = 0, None
    for p in reversed(parameters):
        size = p.numel() * p.element_size()
        if not buckets or kind != (p.dtype, p.device) or held + size > limit:
            buckets.append(Bucket())
            held, kind = 0, (p.dtype, p.device)
        buckets[-1].parameters.append(p)
        held += size
    return buckets
