"""Gradient isolation, checked: a later module's loss must not move an earlier module's gradient."""

import torch
from torch import Tensor

from benchmark.engine.data import Batch
from benchmark.engine.method import Method
from benchmark.engine.train import set_phase

PERTURBATION = 3.0  # any factor but one: the later loss is multiplied by it


def leaks(method: Method, batch: Batch) -> list[tuple[int, int]]:
    """Pairs (j, k), k < j: perturbing the loss of module j changed the gradient of module k.

    In every phase of the method, each later loss is multiplied by a constant, and the gradients of all
    earlier modules, auxiliary networks included, are compared bit by bit with the unperturbed ones. In a
    phase of a strictly modular method, a gradient outside the module that it trains is a leak, too.
    Weights, buffers and random state are put back.
    """
    found = []
    for phase in method.phases():
        set_phase(method, phase)
        plain, losses = _gradients(method, batch)
        if losses == 1:
            found += [(phase.trains[-1], k) for k in range(len(plain)) if plain[k] and k not in phase.trains]
            if len(phase.trains) > 1:
                found += [(method.last, k) for k in phase.trains[:-1] if plain[k]]
        for j in range(1, losses):
            perturbed, _ = _gradients(method, batch, perturb=j)
            found += [(j, k) for k in range(j) if not _same(plain[k], perturbed[k])]
    return found


def _gradients(method: Method, batch: Batch, perturb: int | None = None) -> tuple[list[list[Tensor]], int]:
    """Gradients by module after all losses of one batch, and the number of losses; leaves no trace."""
    parts = [*method.modules, *method.auxiliaries]
    buffers = [(b, b.clone()) for part in parts for b in part.buffers()]
    losses = 0
    with torch.random.fork_rng():
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
