"""All that a training step hangs on and may change, copied, put into another method, and compared bit by bit."""

import copy
import pickle
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from benchmark.engine.training.method import Method


class Place(NamedTuple):
    """Where a tensor stands: the module that it belongs to, the part of it, and its kind and name there."""

    k: int
    part: str  # "module", "auxiliary" or "optimizer"
    kind: str  # "parameter", "buffer" or "state"
    name: str


GENERATORS = Place(-1, "generators", "state", "")  # the global ones: a message from step to step could be left there


@dataclass(frozen=True)
class Randomness:
    """The states of Python's, numpy's and torch's global generators."""

    python: Any
    numpy: Any
    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> "Randomness":
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda)

    def restore(self, device: torch.device) -> None:
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, device)

    def same(self, other: "Randomness") -> bool:
        """Whether the generators are where the others are, so that both will draw the same."""
        numpys = (pickle.dumps(each.numpy) for each in (self, other))
        tensors = ((self.cpu, other.cpu), (self.cuda, other.cuda))
        return (
            self.python == other.python
            and len(set(numpys)) == 1
            and all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in tensors)
        )


@contextmanager
def randomness_kept(device: torch.device) -> Iterator[None]:
    """Whatever is drawn inside, the global generators go on afterwards as if nothing had been."""
    before = Randomness.now(device)
    try:
        yield
    finally:
        before.restore(device)


@dataclass(frozen=True)
class State:
    """Copies, on the CPU, of weights, buffers and optimisers of a method, and the global generators."""

    tensors: dict[Place, Tensor]
    optimizers: dict[int, dict[str, Any]]  # state dicts, by module
    randomness: Randomness

    @classmethod
    def of(cls, method: Method, optimizers: Mapping[int, Optimizer], device: torch.device) -> "State":
        """What ``method`` holds now; nothing in it is touched, and nothing is drawn."""
        tensors = {place: _copied(tensor) for place, tensor in places(method).items()}
        states = {k: tree_map_only(Tensor, _copied, each.state_dict()) for k, each in optimizers.items()}
        return cls(tensors, states, Randomness.now(device))

    def put(self, method: Method, optimizers: Mapping[int, Optimizer]) -> None:
        """Give ``method`` and its optimisers these values, in place where they have such tensors; no gradients.

        Raises:
            KeyError, RuntimeError: it is built in another way.
        """
        held = places(method)
        if held.keys() != self.tensors.keys():
            raise KeyError(f"{min(held.keys() ^ self.tensors.keys())} is held by one of the two only")
        for place, tensor in held.items():
            tensor.data.copy_(self.tensors[place])  # .data: a pipeline's graphs do not hang on the engine's copying
            tensor.grad = None
        for k, optimizer in optimizers.items():
            _load(optimizer, self.optimizers[k])

    def flat(self) -> dict[Place, Tensor]:
        """All tensors, those of the optimisers too."""
        states = {
            Place(k, "optimizer", "state", f"{i}.{name}"): value
            for k, state in self.optimizers.items()
            for i, values in state["state"].items()
            for name, value in values.items()
            if isinstance(value, Tensor)
        }
        return {**self.tensors, **states}

    def differs(self, other: "State") -> set[Place]:
        """Where the two are not equal to the bit; not-a-number is equal to itself."""
        mine, others = self.flat(), other.flat()
        both = mine.keys() & others.keys()
        return {place for place in both if not same(mine[place], others[place])} | (mine.keys() ^ others.keys())

    @property
    def repeatable(self) -> bool:
        """Whether kernels make the same step twice to the bit, as they do on one thread of a CPU."""
        return self.randomness.cuda is None


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True)


def _load(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """As ``load_state_dict``, but into the tensors that are there, so that a meter sees no second set of them."""
    held = optimizer.state_dict()["state"]
    if {i: values.keys() for i, values in held.items()} != {i: v.keys() for i, v in state["state"].items()}:
        optimizer.load_state_dict(copy.deepcopy(state))
        return
    for i, values in held.items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                value.copy_(state["state"][i][name])
            else:
                values[name] = copy.deepcopy(state["state"][i][name])
    for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=True):
        group.update({name: value for name, value in saved.items() if name != "params"})


def places(method: Method) -> dict[Place, Tensor]:
    """Every weight and buffer of the modules and their auxiliary networks; a shared one under each of its names."""
    return {
        Place(k, part, kind, name): tensor
        for part, networks in (("module", method.modules), ("auxiliary", method.auxiliaries))
        for k, network in enumerate(networks)
        for kind, name, tensor in _named(network)
    }


def _named(network: nn.Module) -> Iterator[tuple[str, str, Tensor]]:
    for name, tensor in network.named_parameters(remove_duplicate=False):
        yield "parameter", name, tensor
    for name, buffer in network.named_buffers(remove_duplicate=False):
        yield "buffer", name, buffer


def copied_places(method: Method, modules: set[int]) -> dict[Place, Tensor]:
    """Copies of all that some modules and their auxiliary networks hold."""
    return {place: _copied(tensor) for place, tensor in places(method).items() if place.k in modules}


def changed(method: Method, before: dict[Place, Tensor]) -> Place | None:
    """A place where ``method`` no longer holds what it held before."""
    held = places(method)
    return next((p for p, old in before.items() if p not in held or not same(held[p].detach().cpu(), old)), None)


def near(a: Tensor, b: Tensor, before: Tensor) -> bool:
    """Whether two outcomes of a step differ by less than kernels that do not repeat themselves would explain.

    That is a hundredth of what the step moved, and rounding; numbers that are infinite or none say nothing.
    """
    if a.shape != b.shape or not a.is_floating_point():
        return same(a, b)
    known = a.isfinite() & b.isfinite() & before.isfinite()  # where a training diverges, kernels differ in any way
    a, b, before = a.double()[known], b.double()[known], before.double()[known]
    return bool((a - b).norm() <= 0.01 * (b - before).norm() + 1e-6 * b.norm())


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal, where not-a-number is equal to itself."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(a, b) or bool(((a == b) | ((a != a) & (b != b))).all())
