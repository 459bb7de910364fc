"""Cutting a backbone into gradient-isolated modules: any timm model, at places where one tensor is all that flows.

The cut is exact: the modules, run one after the other, give the same bits and the same gradients as the uncut model.
Skeleton: the public interface is final, the body is being written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any, Literal

from torch import Tensor, nn

Layout = Literal["NCHW", "NHWC", "NLC", "NC"]


@dataclass(frozen=True)
class Features:
    """What flows over a boundary: all that an auxiliary head has to know to be built for it."""

    name: str
    shape: tuple[int, ...]
    layout: Layout
    prefix_tokens: int = 0

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.shape[0] if self.layout == "NCHW" else self.shape[-1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width; for tokens the square grid of the patches, or (L, 1) when they are not a square."""
        if self.layout == "NCHW":
            return self.shape[1], self.shape[2]
        if self.layout == "NHWC":
            return self.shape[0], self.shape[1]
        if self.layout == "NC":
            return 1, 1
        patches = self.shape[0] - self.prefix_tokens
        side = isqrt(patches)
        return (side, side) if side * side == patches else (patches, 1)

    def as_map(self, h: Tensor) -> Tensor:
        """`h` as a map of shape (B, C, H, W): prefix tokens dropped, channels moved to the front."""
        if self.layout == "NCHW":
            return h
        if self.layout == "NHWC":
            return h.permute(0, 3, 1, 2)
        if self.layout == "NC":
            return h[:, :, None, None]
        return h[:, self.prefix_tokens :].transpose(1, 2).unflatten(2, self.size)


@dataclass
class Partition:
    """A backbone cut into K modules that own disjoint parameters."""

    modules: nn.ModuleList
    outputs: tuple[Features, ...]
    unit_outputs: tuple[tuple[Features, ...], ...]

    @property
    def cuts(self) -> tuple[str, ...]:
        """Names of the K - 1 cut points."""
        return tuple(features.name for features in self.outputs[:-1])

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of all modules in a row."""
        for module in self.modules:
            x = module(x)
        return x

    def state_dict(self) -> dict[str, Tensor]:
        """State under the names of the uncut timm model."""
        raise NotImplementedError

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a checkpoint of the uncut timm model."""
        raise NotImplementedError


def cut_points(model: nn.Module, input_shape: tuple[int, int, int]) -> list[Features]:
    """Every legal cut, in the order of execution."""
    raise NotImplementedError


def cut(
    model: nn.Module,
    k: int | None = None,
    *,
    balance: str = "memory",
    at: Sequence[str] = (),
    input_shape: tuple[int, int, int],
) -> Partition:
    """Cut `model` into `k` balanced modules, or after the cut points named in `at`."""
    raise NotImplementedError
