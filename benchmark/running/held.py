"""All else that a method holds beside weights, buffers and options: what it has set since it was built.

A step follows from weights, buffers, optimisers and generators alone, so of a method that keeps to the contract nothing
here decides a number. Nobody can see from outside whether one does. So all that its object, its modules and its
auxiliary networks have as plain attributes is described: numbers, tensors, containers, generators, networks that were
put away. What can be put back is put back; all of it is compared after the next step was made again.
"""

import random
import types
from collections import OrderedDict, deque
from collections.abc import Iterator
from enum import Enum
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from benchmark.engine.measuring.state import places, same
from benchmark.engine.training.method import Method

Held = dict[str, Any]  # by holder and attribute; each described in what torch loads without running any code

OF_THE_ENGINE = {"modules", "auxiliaries", "outputs", "unit_outputs", "task", "options", "phase"}
OF_A_MODULE = vars(nn.Module()).keys()
PLAIN = (type(None), bool, int, float, complex, str, bytes)
CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, partial, Enum)
OF_TORCH = (torch.dtype, torch.device, torch.memory_format, torch.layout)
SEQUENCES = {"list": list, "tuple": tuple, "deque": deque}
MAPPINGS = {"dict": dict, "ordered": OrderedDict}
NOT_PUT_BACK = ("graph", "again", "unknown")  # a graph cannot be copied, nor that two names are of one thing
DEEPEST = 20


def held(method: Method) -> Held:
    """Each attribute of the method, of its options, and of every part of its networks, described."""
    describe = _Describer(method)
    return {f"{at}.{name}": describe(value) for at, holder in _holders(method) for name, value in _own(holder)}


def since(now: Held, built: Held) -> Held:
    """What is there now and was not when the method was built."""
    return {name: what for name, what in now.items() if name not in built or not alike(what, built[name])}


def unknown(what: Held) -> str | None:
    """The first attribute of which nobody can say what is in it, and what it is; the backbone's own are constant."""
    own = {name: each for name, each in what.items() if not name.startswith("modules.")}
    found = ((name, kind) for name, each in own.items() for tag, kind in _tags(each) if tag == "unknown")
    return next((f"{name.strip('.')} ({kind})" for name, kind in found), None)


def put_back(method: Method, what: Held, device: torch.device) -> None:
    """Give a method, just built, what another process's had, as far as it can be given."""
    holders = {f"{at}.": holder for at, holder in _holders(method)}
    for name, each in what.items():
        if any(tag in NOT_PUT_BACK for tag, _ in _tags(each)):
            continue
        at, _, attribute = name.rpartition(".")
        holder = holders[f"{at}."]
        setattr(holder, attribute, _made(each, vars(holder).get(attribute), device, method))


def alike(a: Any, b: Any) -> bool:
    """Whether two descriptions are of the same, tensors to the bit, wherever their graphs come from."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return isinstance(a, Tensor) and isinstance(b, Tensor) and same(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    return type(a) is type(b) and (a == b or (a != a and b != b))


def _holders(method: Method) -> Iterator[tuple[str, Any]]:
    yield "", method
    yield "options", method.options
    for name, networks in (("modules", method.modules), ("auxiliaries", method.auxiliaries)):
        for path, part in networks.named_modules():
            if path and not isinstance(part, fx.GraphModule):  # code that the engine made
                yield f"{name}.{path}", part


def _own(holder: object) -> Iterator[tuple[str, Any]]:
    engines = OF_A_MODULE if isinstance(holder, nn.Module) else OF_THE_ENGINE if isinstance(holder, Method) else ()
    yield from ((name, value) for name, value in vars(holder).items() if name not in engines)


class _Describer:
    """Describes values, each thing once: where it comes again, the second place says so."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.tensors = {id(t) for t in places(method).values()}
        networks = (method.modules, method.auxiliaries)
        self.parts = {id(part) for network in networks for part in network.modules()}
        self.backbone = {id(part) for part in method.modules.modules()}
        self.seen: dict[int, object] = {}  # kept, so that no other thing gets its number

    def __call__(self, value: Any, depth: int = 0) -> Any:
        if type(value) in PLAIN:
            return value
        if isinstance(value, CODE + OF_TORCH):
            return ("code", str(getattr(value, "__qualname__", None) or value).partition(" at 0x")[0])
        if value is self.method.phase:
            return ("phase", "")
        if id(value) in self.tensors or id(value) in self.parts or value is self.method:
            return ("part", "")
        if id(value) in self.seen or depth > DEEPEST:
            return ("again", type(value).__name__)
        if type(value) not in (tuple, frozenset, torch.Size):  # which cannot change, and may be shared by chance
            self.seen[id(value)] = value
        return self._thing(value, depth + 1)

    def _thing(self, value: Any, depth: int) -> Any:
        kind = type(value)
        match value:
            case Tensor():
                tag = "tensor" if value.is_leaf else "graph"
                return (tag, value.device.type, value.requires_grad, value.detach().to("cpu", copy=True))
            case np.ndarray() if value.dtype.kind in "biuf":
                raw = torch.frombuffer(bytearray(value.tobytes() or b"\0"), dtype=torch.uint8)
                return ("array", value.dtype.str, list(value.shape), raw)
            case torch.Generator():
                return ("generator", "torch", value.get_state().clone())
            case random.Random():
                return ("generator", "python", value.getstate())
            case np.random.Generator():
                return ("generator", "numpy", self(value.bit_generator.state, depth))
            case deque() | list() | tuple() if kind in SEQUENCES.values():
                longest = value.maxlen if isinstance(value, deque) else None
                return (kind.__name__, longest, [self(each, depth) for each in value])
            case dict() if kind in MAPPINGS.values():
                tag = "dict" if kind is dict else "ordered"
                return (tag, None, [[self(key, depth), self(each, depth)] for key, each in value.items()])
            case set() | frozenset() if kind in (set, frozenset) and all(type(each) in PLAIN for each in value):
                return (kind.__name__, None, sorted(value, key=repr))
            case tuple():  # with names, or a torch.Size
                return ("constant", kind.__qualname__, [self(each, depth) for each in value])
            case nn.Module() if not isinstance(value, fx.GraphModule):
                tensors = {**dict(value.named_parameters(recurse=False)), **dict(value.named_buffers(recurse=False))}
                things = {**tensors, **dict(value.named_children()), **dict(_own(value))}
                return ("object", kind.__qualname__, {name: self(each, depth) for name, each in things.items()})
        if type(getattr(value, "__dict__", None)) is dict and not hasattr(kind, "__slots__"):
            builtin = kind.__module__ in ("builtins", "itertools", "_thread", "threading", "_io")
            if not builtin and kind.__flags__ & (1 << 9):  # a class that Python code wrote: all it has is in its dict
                return ("object", kind.__qualname__, {str(n): self(each, depth) for n, each in vars(value).items()})
        return ("unknown", kind.__qualname__)


def _tags(what: Any) -> Iterator[tuple[str, str]]:
    """Kind and further word of each thing in a description."""
    if isinstance(what, tuple) and what and isinstance(what[0], str):
        yield what[0], str(what[1])
        yield from (tag for inner in what[2:] for tag in _tags(inner))
    elif isinstance(what, list):
        yield from (tag for inner in what for tag in _tags(inner))
    elif isinstance(what, dict):
        yield from (tag for inner in what.values() for tag in _tags(inner))


def _made(what: Any, current: Any, device: torch.device, method: Method) -> Any:
    """The thing that is described: generators and objects are those that are there, in another state."""
    if not isinstance(what, tuple):
        return what
    tag, kind, *rest = what
    match tag:
        case "phase":
            return method.phase
        case "tensor":
            learns, value = rest
            return value.clone().to(device if kind != "cpu" else "cpu").requires_grad_(learns)
        case "array":
            shape, raw = rest
            return np.frombuffer(raw.numpy().tobytes(), kind, count=prod(shape)).reshape(shape).copy()
        case "generator":
            return _set(kind, rest[0], current, device, method)
        case "list" | "tuple" | "deque":
            made = [_made(each, None, device, method) for each in rest[0]]
            return deque(made, kind) if tag == "deque" else SEQUENCES[tag](made)
        case "dict" | "ordered":
            pairs = [(_made(k, None, device, method), _made(each, None, device, method)) for k, each in rest[0]]
            return MAPPINGS[tag](pairs)
        case "set" | "frozenset":
            return {"set": set, "frozenset": frozenset}[tag](rest[0])
        case "object" if current is not None:
            for name, each in rest[0].items():
                _put_into(current, name, each, device, method)
    return current


def _put_into(holder: Any, name: str, what: Any, device: torch.device, method: Method) -> None:
    current = getattr(holder, name, None)
    made = _made(what, current, device, method)
    if isinstance(current, nn.Parameter) or (isinstance(current, Tensor) and isinstance(holder, nn.Module)):
        current.data.copy_(made)
    elif made is not current:
        setattr(holder, name, made)


def _set(kind: str, state: Any, current: Any, device: torch.device, method: Method) -> Any:
    if kind == "torch":
        current = torch.Generator() if current is None else current
        current.set_state(state)
    elif kind == "python":
        current = random.Random() if current is None else current
        current.setstate((state[0], tuple(state[1]), state[2]))
    elif current is not None:
        current.bit_generator.state = _made(state, None, device, method)
    return current
