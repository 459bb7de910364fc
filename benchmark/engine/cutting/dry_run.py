"""A forward pass on fake tensors: shapes, saved activations, FLOPs and in-place writes of every node.

Nothing is computed, so that the cuts of an ImageNet model can be planned within a second on any machine.
"""

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from benchmark.engine.cutting.tracing import Trace, brief
from benchmark.errors import CannotCut, CannotFollow

BATCH = 2  # the smallest that BatchNorm accepts on a 1x1 map; all costs are proportional to it


@dataclass
class Sighting:
    """What was seen of one node."""

    shape: tuple[int, ...] | None = None  # of its value, without the batch; None: not a tensor with a batch
    overwritten: bool = False  # something that comes later writes into its value
    flops: int = 0  # of the forward pass
    saved: dict[int, int] = field(default_factory=dict)  # storage -> bytes kept for the backward pass


def dry_run(trace: Trace, input_shape: tuple[int, int, int], count_flops: bool = False) -> dict[fx.Node, Sighting]:
    """Run the twin of `trace` in training mode on BATCH pictures (C, H, W); returns one Sighting per node."""
    observer = _Observer(trace)
    trace.twin.train()
    with ExitStack() as stack:
        stack.enter_context(trace.mode)
        stack.enter_context(torch.enable_grad())
        stack.enter_context(saved_tensors_hooks(observer.save, lambda tensor: tensor))
        stack.enter_context(observer.counter if count_flops else nullcontext())
        try:
            observer.run(torch.empty(BATCH, *input_shape, device="cpu"), enable_io_processing=False)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            name = type(trace.twin).__name__
            raise CannotFollow(f"{name} cannot be cut: its forward asks for the values of a tensor.") from error
        except Exception as error:
            raise CannotCut(_refusal(trace, input_shape, error)) from error
    observer.note_overwrites()
    return observer.sightings


def _refusal(trace: Trace, input_shape: tuple[int, int, int], error: Exception) -> str:
    pictures = "x".join(map(str, input_shape))
    return f"{type(trace.twin).__name__} does not run on pictures of {pictures}: {brief(error)}."


class _Observer(fx.Interpreter):
    def __init__(self, trace: Trace):
        super().__init__(trace.twin, graph=trace.graph)
        self.extra_traceback = False
        self.sightings = {node: Sighting() for node in trace.graph.nodes}
        self.permanent = {_storage(tensor) for tensor in [*trace.twin.parameters(), *trace.twin.buffers()]}
        self.counter = FlopCounterMode(display=False)
        self.values: dict[fx.Node, Tensor] = {}
        self.versions: dict[fx.Node, int] = {}
        self.kept: list[Tensor] = []  # holds every storage, or two of them could share an address
        self.current = next(iter(trace.graph.nodes))

    def run_node(self, n: fx.Node) -> Any:
        self.current = n
        before = self.counter.get_total_flops()
        value = super().run_node(n)
        self.sightings[n].flops = self.counter.get_total_flops() - before
        if isinstance(value, Tensor) and value.is_floating_point() and value.shape[:1] == (BATCH,):
            self.sightings[n].shape = tuple(value.shape[1:])
            self.values[n], self.versions[n] = value, value._version
        return value

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Hand lists over as lists: the interpreter's own are frozen, and some blocks write into theirs."""
        return super().call_module(target, tuple(list(a) if isinstance(a, list) else a for a in args), kwargs)

    def note_overwrites(self) -> None:
        for node, version in self.versions.items():
            self.sightings[node].overwritten = self.values[node]._version != version

    def save(self, tensor: Tensor) -> Tensor:
        storage = _storage(tensor)
        if storage not in self.permanent:
            self.kept.append(tensor)
            self.sightings[self.current].saved[storage] = tensor.untyped_storage().nbytes()
        return tensor


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
