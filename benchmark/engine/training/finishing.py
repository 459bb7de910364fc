"""The two ends of a module's step: its loss is propagated back, and its optimiser steps."""

from torch import Tensor
from torch.optim import Optimizer

from benchmark.engine.training.frozen import has_frozen_weights
from benchmark.engine.training.method import Method
from benchmark.errors import UserError


def back_propagate(method: Method, loss: Tensor) -> Tensor:
    """Propagate a loss back, unless it hangs on frozen weights alone; returns it without its graph.

    Raises:
        UserError: it hangs on no weight at all.
    """
    if loss.requires_grad:
        loss.backward()
    elif not has_frozen_weights(method):
        raise UserError("A loss hangs on no weight that learns: compute it from outputs that are not detached.")
    return loss.detach()


def finish_module(method: Method, k: int, optimizer: Optimizer | None) -> None:
    """Step module ``k`` and free its gradients, so that they never live beside the next module's graph."""
    if optimizer:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    method.after_step(k)
