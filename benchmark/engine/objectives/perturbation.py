"""Perturbations: gradients from what noise does to the loss in a forward pass, without a backward pass.

    u ~ N(0, I):   E[ (∇L · u) u ] = ∇L

Noise falls on weights, one draw a batch, or on what layers put out, one draw for each picture. ∇L · u is the tangent of
the loss, by forward-mode differentiation, or a difference of two losses. An activity's gradient becomes one of its
layer's weights by the layer alone: each layer stands on a graph of its own, and none reaches the layer before it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmark.engine.objectives.plain_norms import norms_written_out
from benchmark.errors import UserError

Pair = tuple[Tensor, Tensor]


class Weight(NamedTuple):
    """A learnable weight, and where it stands."""

    part: nn.Module
    name: str
    value: nn.Parameter


def weights_of(modules: Iterable[nn.Module]) -> list[Weight]:
    """All weights of ``modules`` that learn, each once."""
    found: dict[nn.Parameter, Weight] = {}
    for part in (part for module in modules for part in module.modules()):
        for name, value in part.named_parameters(recurse=False):
            if value.requires_grad:
                found.setdefault(value, Weight(part, name, value))
    return list(found.values())


def noise(like: Tensor) -> Tensor:
    """A standard normal draw of a tensor's shape and type; the same numbers in every precision."""
    wide = torch.float32 if like.dtype == torch.bfloat16 else like.dtype
    return torch.randn(like.shape, dtype=wide, device=like.device).to(like.dtype)


@contextmanager
def holding(weights: Sequence[Weight], values: Iterable[Tensor]) -> Iterator[None]:
    """Inside, the weights have other values."""
    for weight, value in zip(weights, values, strict=True):
        weight.part._parameters[weight.name] = value  # type: ignore[assignment]
    try:
        yield
    finally:
        for weight in weights:
            weight.part._parameters[weight.name] = weight.value


@contextmanager
def tangents() -> Iterator[None]:
    """Inside, tensors may have tangents; attention and norms are computed in steps that know theirs."""
    with forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH), norms_written_out():
        yield


@contextmanager
def without_dropout(modules: nn.ModuleList) -> Iterator[None]:
    """Inside, nothing is dropped: of two forward passes the difference shall be that of the noise."""
    parts = [part for part in modules.modules() if "Drop" in type(part).__name__ and part.training]
    rates = {part: part.p for part in parts if isinstance(part, nn.Dropout)}  # timm's attention asks it for that alone
    for part in parts:
        part.training = False
    for part in rates:
        part.p = 0.0
    try:
        yield
    finally:
        for part in parts:
            part.training = True
        for part, rate in rates.items():
            part.p = rate


class Activities:
    """Noise on what the layers of ``modules`` put out, and on the weights that belong to no layer (embeddings).

    A layer is a part that holds weights, and no part that does. One forward pass runs inside one of the contexts.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        weights = weights_of(modules)
        self.layers = list(dict.fromkeys(w.part for w in weights if not _holds_layers(w.part)))
        self.loose = [w for w in weights if _holds_layers(w.part)]
        self.ran: set[nn.Module] = set()
        self.calls: list[Pair] = []  # what layers put out, on their graphs, and the noise on it
        self.shifts = [noise(w.value) for w in self.loose]
        self.moving: Tensor | None = None  # the tangent of what enters the layer that runs

    @contextmanager
    def dual(self) -> Iterator[None]:
        """The noise is a tangent; values are those of a forward pass without noise."""
        values = [forward_ad.make_dual(w.value.detach(), u) for w, u in zip(self.loose, self.shifts, strict=True)]
        with holding(self.loose, values), self._hooked(self._with_tangent, self._entering):
            yield

    @contextmanager
    def plain(self) -> Iterator[None]:
        """A forward pass without noise, for which the noise is drawn."""
        with self._hooked(self._noticed):
            yield

    @contextmanager
    def shifted(self, by: float) -> Iterator[None]:
        """A forward pass with ``by`` times the noise of :meth:`plain` added to it."""
        calls = iter(self.calls)
        values = [w.value + by * u for w, u in zip(self.loose, self.shifts, strict=True)]
        with torch.no_grad(), holding(self.loose, values), self._hooked(lambda _, out: out + by * next(calls)[1]):
            yield

    def pairs(self, change: Tensor) -> Iterator[Pair]:
        """The gradients of a batch's mean loss.

        Args:
            change: (B,): of each picture's loss along its noise.

        Raises:
            UserError: a layer did not run, so that noise cannot teach it.
        """
        if silent := next((layer for layer in self.layers if layer not in self.ran), None):
            raise UserError(
                "Noise on activities teaches layers that run, and the backbone takes the weights of a "
                f"{type(silent).__name__} without running it, or has it for nothing; take another backbone."
            )
        for value, u in self.calls:
            if len(u) % len(change):  # no rows of pictures: a table that all pictures share, as of positions
                yield value, u * change.mean().to(u.dtype)
                continue
            rows = change.repeat_interleave(len(u) // len(change)).to(u.dtype)  # windows of a picture are rows, too
            yield value, u * rows.view(-1, *[1] * (u.dim() - 1)) / len(change)
        for weight, u in zip(self.loose, self.shifts, strict=True):
            yield weight.value, u * change.mean()

    @contextmanager
    def _hooked(
        self, put_out: Callable[[nn.Module, Tensor], Tensor], enter: Callable[..., Any] | None = None
    ) -> Iterator[None]:
        def after(layer: nn.Module, args: Any, out: Tensor) -> Tensor:
            self.ran.add(layer)
            return put_out(layer, out)

        with ExitStack() as hooks:
            for layer in self.layers:
                hooks.callback(layer.register_forward_pre_hook(enter or _cut_off).remove)
                hooks.callback(layer.register_forward_hook(after, prepend=True).remove)
            yield

    def _noticed(self, _: nn.Module, out: Tensor) -> Tensor:
        self.calls.append((out, noise(out)))
        return out.detach()

    def _entering(self, layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """A linear layer keeps what enters it, not its tangent: that goes through it by itself, at half the work."""
        if type(layer) not in LINEAR:
            return _cut_off(layer, args)
        value, self.moving = forward_ad.unpack_dual(args[0])
        return (value.detach(),)

    def _with_tangent(self, layer: nn.Module, out: Tensor) -> Tensor:
        value, tangent = forward_ad.unpack_dual(out)
        if type(layer) in LINEAR and self.moving is not None:
            with torch.no_grad():
                tangent = LINEAR[type(layer)](layer, self.moving)
        u = noise(value)
        self.calls.append((value, u))
        return forward_ad.make_dual(value.detach(), u if tangent is None else tangent.detach() + u)


# A layer's tangent for that of what enters it.
LINEAR: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.Linear: lambda layer, tangent: F.linear(tangent, layer.weight),
    nn.Conv2d: lambda layer, tangent: layer._conv_forward(tangent, layer.weight, None),
}


def _holds_layers(part: nn.Module) -> bool:
    return any(p.requires_grad for child in part.children() for p in child.parameters())


def _cut_off(layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_without_graph(each) if isinstance(each, Tensor) else each for each in args)


def _without_graph(x: Tensor) -> Tensor:
    value, tangent = forward_ad.unpack_dual(x)  # outside of :func:`tangents` there is none
    return value.detach() if tangent is None else forward_ad.make_dual(value.detach(), tangent.detach())
