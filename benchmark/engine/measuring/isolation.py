"""Gradient isolation, checked: how far each loss reaches is found by changing it and looking who moves."""

import torch
from torch import Tensor

from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import forked_rng
from benchmark.engine.training.train import set_phase

PERTURBATION = 3.0  # any factor but one: a loss is multiplied by it


def leaks(method: Method, batch: Batch) -> list[tuple[int, ...]]:
    """The modules that a loss moves, for each loss that breaks the method's claims; none if all hold.

    A loss must move neighbours only, at most ``1 + reach`` of them, and only those that its phase trains.
    """
    found = []
    for phase in method.phases():
        set_phase(method, phase)
        for moved in moved_modules(method, batch):
            too_far = method.reach is not None and moved and moved[-1] - moved[0] > method.reach
            if too_far or not set(moved) <= set(phase.trains):
                found.append(moved)
    return found


def moved_modules(method: Method, batch: Batch) -> list[tuple[int, ...]]:
    """For each loss of the current phase, the modules (auxiliary network included) whose gradient hangs on it.

    Each loss in turn is multiplied by a constant, and all gradients are compared bit by bit with the
    unperturbed ones. Weights, buffers and random state are put back.
    """
    plain, losses = _gradients(method, batch)
    found = []
    for j in range(losses):
        perturbed, _ = _gradients(method, batch, perturb=j)
        found.append(tuple(k for k, (a, b) in enumerate(zip(plain, perturbed, strict=True)) if not _same(a, b)))
    return found


def _gradients(method: Method, batch: Batch, perturb: int | None = None) -> tuple[list[list[Tensor]], int]:
    """Gradients by module after all losses of one batch, and the number of losses; leaves no trace."""
    parts = [*method.modules, *method.auxiliaries]
    buffers = [(b, b.clone()) for part in parts for b in part.buffers()]
    losses = 0
    with forked_rng():
        torch.manual_seed(0)
        for j, loss in enumerate(method.losses(batch)):
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
    pairs = zip(a, b, strict=False)
    return len(a) == len(b) and all(torch.equal(x.nan_to_num(), y.nan_to_num()) for x, y in pairs)
