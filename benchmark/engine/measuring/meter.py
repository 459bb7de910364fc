"""Meters of tensor memory: exact, repeatable, the same on any device and on fake tensors.

A process's own memory is useless for this (libraries and allocator slack hide the effect), and
``torch.cuda.max_memory_allocated`` needs a GPU; so bytes are counted where tensors are made. What one kernel
uses inside (cuDNN's workspace) is not seen, nor is the CUDA context.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, UntypedStorage, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker


def tensors_in(root: object) -> Iterator[Tensor]:
    """All tensors that ``root`` keeps alive, depth first; one may come twice.

    Looks into gradients, modules with their plain attributes, optimisers' state, dataclasses (a batch),
    mappings, lists, tuples and sets.
    """
    stack, seen = [root], set()
    while stack:
        item = stack.pop()
        if id(item) in seen or item is None or isinstance(item, str | int | float | type):
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            yield item
            stack.append(item.grad if item.is_leaf else None)
        else:
            stack.extend(_held_by(item))


def _held_by(item: object) -> Iterable[object]:
    if isinstance(item, nn.Module):
        attributes = (vars(module).values() for module in item.modules())
        return [*item.parameters(), *item.buffers(), *(a for values in attributes for a in values)]
    if isinstance(item, torch.optim.Optimizer):
        return item.state_dict()["state"].values()  # `state` is empty where one wraps another, as Lookahead does
    if isinstance(item, Mapping):
        return item.values()
    if isinstance(item, list | tuple | set | frozenset):
        return item
    return vars(item).values() if is_dataclass(item) else ()


class PeakBytes(TorchDispatchMode):
    """Bytes of all distinct storages that are alive: ``live`` now, ``peak`` since the start.

    Counts parameters, buffers, gradients, optimiser state, inputs, activations and temporaries: whatever
    ``roots`` hold (see :func:`tensors_in`) when it is made, and whatever an operation returns while it is on.
    A storage counts once, however many tensors share it, until its last owner is gone. Agrees with torch's
    private ``MemTracker`` (tests/engine/test_cost.py), and unlike it stands a backward pass inside a forward hook.
    """

    def __init__(self, *roots: object) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._sizes: dict[int, int] = {}
        for tensor in tensors_in(roots):
            self._add(tensor.untyped_storage())

    def _add(self, storage: UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._remove, key).atexit = False

    def _remove(self, key: int) -> None:
        self.live -= self._sizes.pop(key)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: object, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return out


class Flops(FlopCounterMode):
    """FLOPs of all that runs inside, not told apart by layers.

    What tells them apart hooks into backward passes, and then ``torch.autograd.grad`` refuses to give the gradient of
    a module's detached input, which is how many a method makes its own backward pass.
    """

    def __init__(self) -> None:
        super().__init__(display=False)
        self.mod_tracker = _NoLayers()

    @property
    def total(self) -> int:
        return int(self.get_total_flops())


class _NoLayers(ModuleTracker):
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing was hooked into."""


class _Saved:
    """One tensor in autograd's keeping; says when it is let go."""

    __slots__ = ("release", "tensor")

    def __init__(self, tensor: Tensor, release: Callable[[int], None]) -> None:
        self.tensor, self.release = tensor, release

    def __del__(self) -> None:
        self.release(self.tensor.untyped_storage()._cdata)


class SavedBytes:
    """Peak bytes that autograd keeps for the backward pass: what freeing a module's graph early saves.

    A storage counts once from the first time that an operation saves it until the last such operation has
    run backward, so a batch of pictures that ten layers saved counts once. What ``state`` holds (parameters
    and buffers: there whether or not a graph is) does not count. Tensors that non-reentrant checkpointing
    remakes during the backward pass are kept by it, not by autograd, and do not show here; they do in
    :class:`PeakBytes`.
    """

    def __init__(self, *state: object) -> None:
        self.live = self.peak = 0
        self._state = {tensor.untyped_storage()._cdata for tensor in tensors_in(state)}
        self._sizes: dict[int, int] = {}
        self._owners: Counter[int] = Counter()
        self._hooks = saved_tensors_hooks(self._pack, lambda saved: saved.tensor)

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._hooks.__exit__(*error)

    def _pack(self, tensor: Tensor) -> _Saved:
        storage = tensor.untyped_storage()
        key = storage._cdata
        self._owners[key] += 1
        if self._owners[key] == 1 and key not in self._state:
            self._sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
        return _Saved(tensor.detach(), self._release)  # an output is not to keep its own node alive

    def _release(self, key: int) -> None:
        self._owners[key] -= 1
        if not self._owners[key]:
            del self._owners[key]
            self.live -= self._sizes.pop(key, 0)
