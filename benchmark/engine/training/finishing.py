"""The two ends of a module's step: its loss is propagated back, and its optimiser steps."""

from torch import Tensor
from torch.optim import Optimizer

from benchmark.engine.training.frozen import has_frozen_weights
from benchmark.engine.training.method import Method


def back_propagate(method: Method, loss: Tensor) -> Tensor:
    """Propagate a loss back, unless it hangs on frozen weights alone; returns it without its graph."""
    if loss.requires_grad or not has_frozen_weights(method):
        loss.backward()
    return loss.detach()


def finish_module(method: Method, k: int, optimizer: Optimizer | None) -> None:
    """Step module ``k`` and free its gradients, so that they never live beside the next module's graph."""
    if optimizer:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    method.after_step(k)
