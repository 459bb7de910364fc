"""Units of modules that forget what is inside them in the forward pass, and compute it again in the backward pass.

Gradient checkpointing (Chen et al., arXiv 1604.06174) inside a module: weights and their gradients stay what they are,
to the bit. What a method keeps for a module's backward pass is then what stands between its units, and what is inside
one of them.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from benchmark.engine.training.buffers import on_copies_of_buffers


@contextmanager
def recomputing(modules: nn.ModuleList) -> Iterator[None]:
    """Inside, the units of the modules are computed again where a loss is back-propagated."""
    units = [unit for module in modules if isinstance(module, nn.Sequential) for unit in module]
    for unit in units:
        unit.forward = partial(_forgetful, unit, unit.forward)
    try:
        yield
    finally:
        for unit in units:
            del unit.forward


def _forgetful(unit: nn.Module, forward: Any, *args: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*args)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), on_copies_of_buffers(unit)  # BatchNorm's averages move once a step

    return checkpoint(forward, *args, use_reentrant=False, context_fn=contexts)
