"""A backbone as a graph of blocks: what has to be known to cut it, found without touching the model itself.

`torch.fx` follows the forward function down to the blocks and no further: a block stays a call of the model's
own module, so that names, train and eval mode, dropout and pickling go on as they are. All of it happens on a
twin with fake tensors, since some forward functions (timm's BatchNormAct2d) count batches even when traced.
"""

import copy
import inspect
import logging
import math
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import get_notrace_functions
from torch import fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from benchmark.errors import CannotCut, CannotFollow

# It logs a traceback of what it raises as well, which is told in a sentence.
logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Trace:
    """The graph of a model, block by block, and the twin on which it can be run without computing."""

    graph: fx.Graph
    twin: nn.Module
    mode: FakeTensorMode
    dropouts: dict[str, nn.Module]  # modules that the graph calls in place of functional dropout


def trace(model: nn.Module) -> Trace:
    """Trace `model`; raises CannotFollow if `torch.fx` cannot, or if its path depends on the mode."""
    _refuse_checkpointing(model)
    _refuse_arguments(model)
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    twin = _fake_twin(model, mode)
    graphs, dropouts = {}, {}
    for training in (False, True):
        with mode, _one_sentence(model):
            graphs[training] = _block_graph(twin.train(training), _Expansion())
        dropouts = _dropout_to_modules(graphs[training], training)
    if _source(graphs[False]) != _source(graphs[True]):
        raise CannotFollow(f"{_class(model)} cannot be cut: its forward takes another path in training mode.")
    if any(str(node.target).startswith("_tensor_constant") for node in graphs[True].nodes):
        raise CannotFollow(f"{_class(model)} cannot be cut: its forward computes a constant that belongs to no module.")
    for name, module in dropouts.items():
        twin.add_module(name, module)
    return Trace(graphs[True], twin, mode, dropouts)


def _refuse_checkpointing(model: nn.Module) -> None:
    """timm's checkpointing lies in the forward functions around the blocks, which a cut leaves behind."""
    if any(getattr(part, "grad_checkpointing", False) for part in model.modules()):
        raise CannotCut(
            f"{_class(model)} cannot be cut with gradient checkpointing on: the cut would lose it without a word; call "
            "set_grad_checkpointing(False), and train with the method gradient_checkpointing."
        )


def _refuse_arguments(model: nn.Module) -> None:
    """Pictures are all that a network is given."""
    try:
        _, *others = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):  # nobody can say, or it takes nothing: whoever follows it says so
        return
    for each in others:
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            raise CannotCut(
                f"{_class(model)} cannot be cut: its forward wants {each.name!r} beside the pictures; "
                "give it a default."
            )


def _fake_twin(model: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """Copy of `model`, on whatever device it lives, with fake CPU tensors: no memory, no values."""
    twins: dict[int, Any] = {}
    with mode:
        for tensor in [*model.parameters(), *model.buffers()]:
            fake = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")
            is_parameter = isinstance(tensor, nn.Parameter)
            twins[id(tensor)] = nn.Parameter(fake, tensor.is_floating_point()) if is_parameter else fake
    return copy.deepcopy(model, twins)  # the memo makes it take the fake tensors


@contextmanager
def _one_sentence(model: nn.Module) -> Iterator[None]:
    """Whatever a forward function raises under tracing becomes a CannotFollow."""
    try:
        yield
    except Exception as error:
        raise CannotFollow(f"{_class(model)} cannot be cut: torch.fx cannot follow it: {brief(error)}.") from error


def _class(model: nn.Module) -> str:
    return type(model).__name__


def brief(error: Exception) -> str:
    """The first sentence of the message of `error`, on one line, without its full stop."""
    message = " ".join((str(error) or type(error).__name__).split())
    return textwrap.shorten(message.partition(". ")[0], 200).rstrip(".")


class BlockTracer(fx.Tracer):
    """Follows the forward function into the modules that `expand` accepts and leaves all others whole."""

    def __init__(self, expand: Callable[[nn.Module], bool] = lambda module: False):
        functions = tuple(get_notrace_functions())
        super().__init__(autowrap_modules=(math,), autowrap_functions=functions, param_shapes_constant=True)
        self.expand = expand

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not self.expand(m)


def _block_graph(root: nn.Module, expand: Callable[[nn.Module], bool]) -> fx.Graph:
    """Graph of `root` in its first argument, others at their defaults, without identities and dead nodes."""
    _, *others = inspect.signature(root.forward).parameters.values()
    defaults = {p.name: p.default for p in others if p.default is not p.empty}
    graph = BlockTracer(lambda module: module is root or expand(module)).trace(root, concrete_args=defaults)
    picture = next(iter(graph.nodes))
    for node in reversed(list(graph.nodes)):
        if node.op == "call_module" and _is_identity(root.get_submodule(node.target)):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif not node.users and node is not picture and _is_pure(node):
            graph.erase_node(node)
    return graph


def _is_identity(module: nn.Module) -> bool:
    return type(module) is nn.Identity or (type(module) is nn.Sequential and len(module) == 0)


def _is_pure(node: fx.Node) -> bool:
    """Guards on sizes and arguments, and what nobody reads; not what writes into a tensor, not the output."""
    if node.op in ("output", "call_module"):
        return False
    name = str(getattr(node.target, "__name__", node.target))
    return not (name.endswith("_") or name in ("setitem", "iadd", "isub", "imul", "itruediv"))


class _Expansion:
    """Says which modules only string blocks together and so are followed: Sequential, and chains of those."""

    def __init__(self) -> None:
        self.known: dict[nn.Module, bool] = {}

    def __call__(self, module: nn.Module) -> bool:
        if module not in self.known:
            plain = type(module).forward is nn.Sequential.forward
            grandchildren = [inner for child in module.children() for inner in child.children()]
            self.known[module] = plain or (any(map(is_composite, grandchildren)) and self._is_chain(module))
        return self.known[module]

    def _is_chain(self, module: nn.Module) -> bool:
        """Whether forward only calls children, one on the output of the other, two or more with parameters."""
        try:
            graph = _block_graph(module, lambda child: type(child).forward is nn.Sequential.forward)
        except Exception:  # what cannot be traced is no chain; it stays whole
            return False
        inner = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
        calls = [node for node in inner if node.op == "call_module"]
        trained = [node for node in calls if has_parameters(module.get_submodule(str(node.target)))]
        return len(calls) == len(inner) == len(frontier(graph)) + 1 and len(trained) >= 2


def has_parameters(module: nn.Module) -> bool:
    """Whether `module` or anything in it holds parameters."""
    return any(True for _ in module.parameters())


def is_composite(module: nn.Module) -> bool:
    """Whether some child of `module` holds parameters: a block, not a layer."""
    return any(map(has_parameters, module.children()))


def frontier(graph: fx.Graph) -> list[fx.Node]:
    """Nodes after which their own value is the only live one, parameters apart: all that crosses a cut there."""
    nodes = [node for node in graph.nodes if node.op != "get_attr"]
    place = {node: i for i, node in enumerate(nodes)}
    last_use = [max((place[user] for user in node.users if user in place), default=-1) for node in nodes]
    only_live, latest_before = [], -1
    for i, node in enumerate(nodes):
        alone = latest_before <= i < last_use[i] < len(nodes) - 1  # the last node is the output
        if alone and node.op != "placeholder":
            only_live.append(node)
        latest_before = max(latest_before, last_use[i])
    return only_live


def _dropout_to_modules(graph: fx.Graph, training: bool) -> dict[str, nn.Module]:
    """Replace functional dropout, into which the mode is baked, by modules; returns them by name."""
    modules: dict[str, nn.Module] = {}
    for node in list(graph.nodes):
        call = _dropout_arguments(node)
        if call is None or call["training"] is not training:
            continue
        name = f"functional_dropout{len(modules)}"
        modules[name] = nn.Dropout(call["p"], call["inplace"])
        with graph.inserting_after(node):
            node.replace_all_uses_with(graph.call_module(name, (call["input"],)))
        graph.erase_node(node)
    return modules


def _dropout_arguments(node: fx.Node) -> dict[str, Any] | None:
    if node.op != "call_function" or node.target is not functional.dropout:
        return None
    call = inspect.signature(functional.dropout).bind(*node.args, **node.kwargs)
    call.apply_defaults()
    return dict(call.arguments)


def _source(graph: fx.Graph) -> str:
    return graph.python_code("self").src
