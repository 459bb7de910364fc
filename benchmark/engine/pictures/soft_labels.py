"""Weights of all classes in place of a class, as mixup and label smoothing make them: for cross-entropies alone.

What else a method does with labels (pairs of one class, kernels, one-hot vectors, labels as inputs) has a meaning for
whole classes only. Whether a method's losses are cross-entropies nobody declares: these labels refuse all else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.errors import UserError


class SoftLabels:
    """Stands where a batch has its classes (B,); ``weights`` are (B, classes), each row of sum 1."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    @classmethod
    def __torch_function__(
        cls,
        function: Callable[..., Tensor],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Tensor:
        """What torch calls where a function of its own is given these labels."""
        if function is not F.cross_entropy:
            refuse(getattr(function, "__name__", "an operation"))
        plain: list[Any] = [each.weights if isinstance(each, cls) else each for each in args]
        named: dict[str, Any] = {
            name: each.weights if isinstance(each, cls) else each for name, each in (kwargs or {}).items()
        }
        return F.cross_entropy(*plain, **named)

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.weights.device

    def clone(self) -> "SoftLabels":
        """The same in memory of their own."""
        return SoftLabels(self.weights.clone())

    def chunk(self, count: int) -> list["SoftLabels"]:
        """As many equal parts of neighbours."""
        return [SoftLabels(part) for part in self.weights.chunk(count)]

    def __eq__(self, other: object) -> NoReturn:
        refuse("comparing")

    def __getitem__(self, place: Any) -> NoReturn:
        refuse("indexing")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # of Python's own protocols, such as copying
            raise AttributeError(name)
        refuse(name)


def refuse(what: str) -> NoReturn:
    """Raise UserError: ``what`` is no cross-entropy."""
    raise UserError(
        f"Soft labels (mixup, cutmix, label_smoothing) are for losses that are cross-entropies, and this method uses "
        f"labels otherwise ({what}); leave them out, or choose a method or a variant that learns by cross-entropy."
    )
