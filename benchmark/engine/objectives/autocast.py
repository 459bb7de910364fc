"""What autocast does not know of: arithmetic that needs more digits than bf16 has, and layers of our own."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

F = TypeVar("F", bound=Callable[..., Tensor])


def in_float32(function: F) -> F:
    """The function with autocast off, and bf16 tensors given to it as fp32; without autocast as it is."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Tensor:
        devices = {each.device.type for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        on = next((device for device in devices if torch.is_autocast_enabled(device)), None)
        if on is None:
            return function(*args, **kwargs)
        args, kwargs = tree_map_only(Tensor, widened, (args, kwargs))
        with torch.autocast(on, enabled=False):
            return function(*args, **kwargs)

    return run  # type: ignore[return-value]


def widened(tensor: Tensor) -> Tensor:
    """A bf16 tensor as fp32; any other as it is."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def narrowed(tensor: Tensor) -> Tensor:
    """A tensor in the type that autocast gives to layers; as it is where autocast is off."""
    device = tensor.device.type
    return tensor.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else tensor


# On CUDA autocast has these in fp32, on a CPU it leaves them in bf16, with too few digits for sums of exponentials.
aten = torch.ops.aten
ON_CPU = torch.library.Library("aten", "IMPL")
for operator in (
    aten.log_softmax.int,  # of which cross-entropy is made
    aten.logsumexp.default,
    aten.softplus.default,
    aten.binary_cross_entropy_with_logits.default,
):
    ON_CPU.impl(operator, in_float32(operator), "AutocastCPU")
