"""Random numbers of a step on a GPU, drawn on the CPU: where both devices draw the same, losses can be compared."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


class DrawnOnTheCpu(TorchDispatchMode):
    """Inside, what draws from the generator of a GPU (dropout, negatives, crops) draws from the CPU's and is copied."""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        where = _device(args, kwargs)
        if torch.Tag.nondeterministic_seeded not in func.tags or where.type == "cpu":  # type: ignore[attr-defined]
            return func(*args, **kwargs)
        here, there = torch.device("cpu"), where
        drawn_args, drawn_kwargs = tree_map(lambda each: _moved(each, here), (args, kwargs))
        drawn = func(*drawn_args, **drawn_kwargs)
        if func._schema.is_mutable:  # type: ignore[attr-defined]
            args[0].copy_(drawn)
            return args[0]
        return tree_map(lambda each: _moved(each, there), drawn)


def _device(args: tuple, kwargs: dict[str, Any]) -> torch.device:
    """Where an operation works: where it is told to, or where its tensors lie."""
    if kwargs.get("device") is not None:
        return torch.device(kwargs["device"])
    return next((each.device for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)), torch.device("cpu"))


def _moved(each: Any, device: torch.device) -> Any:
    """A tensor (zeros, where it holds no numbers), or the name of a device, in another place."""
    if isinstance(each, Tensor):
        return torch.zeros_like(each, device=device) if each.is_meta else each.to(device)
    return device if isinstance(each, torch.device) else each
