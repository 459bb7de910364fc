"""The units that a traced backbone falls into: the smallest pieces that a module can be made of.

A unit begins with a layer or block that holds weights; what follows it and only normalises, activates, pools
or reshapes belongs to it. The classifier takes the pooling (and the norm behind the last block) before it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isqrt
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, fx, nn

from benchmark.engine.cutting.dry_run import Sighting
from benchmark.engine.cutting.tracing import Trace, frontier, has_parameters, is_composite
from benchmark.errors import CannotCut

Layout = Literal["NCHW", "NHWC", "NLC", "NC"]


@dataclass(frozen=True)
class Features:
    """What flows over a boundary: all that an auxiliary head has to know to be built for it."""

    name: str  # of the cut point: the part of the backbone that comes last before it, such as "layer2.1"
    shape: tuple[int, ...]  # without the batch
    layout: Layout
    prefix_tokens: int = 0  # class and register tokens in front of the patches (NLC)

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.shape[0] if self.layout == "NCHW" else self.shape[-1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width; for tokens the square grid of the patches, or (L, 1) if they are not a square."""
        if self.layout == "NC":
            return 1, 1
        if self.layout != "NLC":
            height, width = self.shape[1:] if self.layout == "NCHW" else self.shape[:2]
            return height, width
        patches = self.shape[0] - self.prefix_tokens
        return (isqrt(patches), isqrt(patches)) if _is_square(patches) else (patches, 1)

    def as_map(self, h: Tensor) -> Tensor:
        """`h`, a batch of these features, as a map (B, C, H, W): prefix tokens dropped, channels in front."""
        if self.layout == "NCHW":
            return h
        if self.layout == "NHWC":
            return h.permute(0, 3, 1, 2)
        if self.layout == "NC":
            return h[:, :, None, None]
        return h[:, self.prefix_tokens :].transpose(1, 2).unflatten(2, self.size)

    def from_map(self, mapped: Tensor) -> Tensor:
        """A map (B, C, H, W) in the layout of these features, zero on the prefix tokens: undoes `as_map`."""
        if self.layout == "NCHW":
            return mapped
        if self.layout == "NHWC":
            return mapped.permute(0, 2, 3, 1)
        if self.layout == "NC":
            return mapped.flatten(1)
        return F.pad(mapped.flatten(2).transpose(1, 2), (0, 0, self.prefix_tokens, 0))


@dataclass(frozen=True)
class Unit:
    """Consecutive nodes of the graph, and what flows out of them."""

    nodes: tuple[fx.Node, ...]
    output: Features


def find_units(traced: Trace, seen: dict[fx.Node, Sighting], input_shape: tuple[int, int, int]) -> list[Unit]:
    """The units of `traced` in the order of execution; between any two of them the backbone may be cut.

    Raises CannotCut when the backbone does not end in one tensor of logits.
    """
    describe = _Describer(traced.twin, input_shape)
    nodes = list(traced.graph.nodes)
    logits = seen[nodes[-1]].shape
    if logits is None or len(logits) != 1:
        name = type(traced.twin).__name__
        raise CannotCut(f"{name} cannot be cut: it does not end in one tensor of shape (B, classes).")
    if getattr(traced.twin, "num_classes", None) == 0:
        name = type(traced.twin).__name__
        raise CannotCut(f"{name} cannot be cut: it has no classifier (num_classes=0); build it with one.")
    tied = _tied(traced)
    ends = [node for node in frontier(traced.graph) if node not in tied and not seen[node].overwritten]
    features = {node: described for node in ends if (described := describe(seen[node].shape))}
    features[nodes[-1]] = Features("", logits, "NC")
    pieces = _split(nodes, features)
    kept = _merge(pieces, [features[piece[-1]] for piece in pieces], traced.twin)
    names = _Names(traced)
    return [Unit(tuple(unit), replace(features[unit[-1]], name=names(unit))) for unit in _split(nodes, kept)]


def describe(model: nn.Module, input_shape: tuple[int, int, int], name: str, h: Tensor) -> Features | None:
    """The features that `h` (B, ...) is a batch of, under a name that the user gave; None: no layout that is known."""
    found = _Describer(model, input_shape)(tuple(h.shape[1:]))
    return replace(found, name=name) if found else None


class _Describer:
    """Tells the layout of a feature tensor from its shape, the picture's aspect and what timm declares."""

    def __init__(self, model: nn.Module, input_shape: tuple[int, int, int]):
        _, self.height, self.width = input_shape
        self.prefix_tokens = int(getattr(model, "num_prefix_tokens", 0))
        self.channels_last = str(getattr(model, "output_fmt", "")).endswith("NHWC")

    def __call__(self, shape: tuple[int, ...] | None) -> Features | None:
        if shape is None or not 1 <= len(shape) <= 3:
            return None
        if len(shape) == 1:
            return Features("", shape, "NC")
        if len(shape) == 2:
            bare = _is_square(shape[0]) and not _is_square(shape[0] - self.prefix_tokens)
            return Features("", shape, "NLC", 0 if bare else self.prefix_tokens)
        first, last = self._is_map(*shape[1:]), self._is_map(*shape[:2])
        if not (first or last):
            return None
        return Features("", shape, "NHWC" if last and (self.channels_last or not first) else "NCHW")

    def _is_map(self, height: int, width: int) -> bool:
        """Whether a map can have this size: not larger than the picture, of its aspect but for rounding."""
        ratio = self.height / height
        return height <= self.height and abs(self.width / ratio - width) < 1


def _is_square(count: int) -> bool:
    return count > 0 and isqrt(count) ** 2 == count


def _tied(traced: Trace) -> set[fx.Node]:
    """Nodes after which a cut would part two uses of one parameter."""
    uses: dict[int, list[int]] = defaultdict(list)
    nodes = list(traced.graph.nodes)
    for place, node in enumerate(nodes):
        for tensor in _parameters(traced.twin, node):
            uses[id(tensor)].append(place)
    return {node for places in uses.values() for node in nodes[places[0] : places[-1]]}


def _parameters(model: nn.Module, node: fx.Node) -> Iterable[Tensor]:
    if node.op == "call_module":
        return model.get_submodule(str(node.target)).parameters()
    if node.op == "get_attr":
        path, _, name = str(node.target).rpartition(".")
        value = getattr(model.get_submodule(path), name)
        return [value] if isinstance(value, nn.Parameter) else []
    return []


def _split(nodes: Sequence[fx.Node], ends: Iterable[fx.Node]) -> list[list[fx.Node]]:
    """`nodes` in pieces, each of which ends with one of `ends`; the last node is always among them."""
    places = [-1, *sorted({node: i for i, node in enumerate(nodes)}[end] for end in ends)]
    return [list(nodes[start + 1 : end + 1]) for start, end in pairwise(places)]


def _merge(pieces: list[list[fx.Node]], features: list[Features], model: nn.Module) -> list[fx.Node]:
    """The last nodes of the units: of all places between two pieces with weights, the one to cut at."""
    weighty = [i for i, piece in enumerate(pieces) if _called(model, piece, _has_weights)]
    places = []
    for here, following in pairwise(weighty):
        of_block = is_composite(_called(model, pieces[here], _has_weights)[-1])
        place = here
        while place + 1 < following and features[place + 1].layout == features[here].layout:
            if _called(model, pieces[place + 1], _pools_all):
                break
            if of_block and _called(model, pieces[place + 1], has_parameters):
                break  # the norm behind a block is the first layer of what follows
            place += 1
        places.append(place)
    return [pieces[place][-1] for place in [*places, len(pieces) - 1]]


def _called(model: nn.Module, piece: Iterable[fx.Node], kind: Callable[[nn.Module], bool]) -> list[nn.Module]:
    modules = [model.get_submodule(str(node.target)) for node in piece if node.op == "call_module"]
    return [module for module in modules if kind(module)]


def _has_weights(module: nn.Module) -> bool:
    """Whether it holds a matrix of weights, as a norm or an activation does not."""
    return any(parameter.ndim > 1 for parameter in module.parameters())


def _pools_all(module: nn.Module) -> bool:
    return "Adaptive" in type(module).__name__  # torch's and timm's global pooling


class _Names:
    """Names a unit after the last module called in it, if it is called nowhere else."""

    def __init__(self, traced: Trace):
        self.calls = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
        self.dropouts = traced.dropouts

    def __call__(self, unit: Iterable[fx.Node]) -> str:
        targets = [str(node.target) for node in unit if node.op == "call_module"]
        own = [name for name in targets if self.calls[name] == 1 and name not in self.dropouts]
        return (own or targets)[-1]
