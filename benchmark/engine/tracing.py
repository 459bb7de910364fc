"""A backbone as a graph of blocks: what has to be known to cut it, without running or touching the model itself.

`torch.fx` follows the forward function down to the blocks and no further: a block stays a call of the model's own
module, so that names, train and eval mode, dropout and pickling go on as they are. All of it happens on a copy
with fake tensors, since some forward functions (timm's BatchNormAct2d) count batches even while they are traced.
"""

import copy
import inspect
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import get_notrace_functions
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmark.errors import CannotCut

BATCH = 2  # of the dry run; the smallest that BatchNorm accepts on a 1x1 map


@dataclass(frozen=True)
class Step:
    """What one node of the graph was seen to do in the dry run."""

    shape: tuple[int, ...] | None  # of its value with the batch; None: not a floating-point tensor
    overwritten: bool  # a later node changes its value in place
    flops: int  # of the forward pass
    saved: dict[int, int]  # storage -> bytes that it keeps for the backward pass


@dataclass(frozen=True)
class Trace:
    """The graph of a model, block by block, and the modules that stand for its functional dropout."""

    graph: fx.Graph
    dropouts: dict[str, nn.Module]
    twin: nn.Module  # copy of the model with fake parameters

    @property
    def nodes(self) -> list[fx.Node]:
        """The nodes in the order of execution."""
        return list(self.graph.nodes)


def fake_twin(model: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """Copy of `model` whose parameters and buffers are fake CPU tensors: no memory, and none of the model's state."""
    twins: dict[int, Any] = {}
    with mode:
        for tensor in [*model.parameters(), *model.buffers()]:
            fake = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")
            is_parameter = isinstance(tensor, nn.Parameter)
            twins[id(tensor)] = nn.Parameter(fake, tensor.is_floating_point()) if is_parameter else fake
    return copy.deepcopy(model, twins)


class _BlockTracer(fx.Tracer):
    """Follows the forward function into the modules that `expand` names and leaves all others whole."""

    def __init__(self, expand: Callable[[nn.Module], bool]):
        functions = tuple(get_notrace_functions())
        super().__init__(autowrap_modules=(math,), autowrap_functions=functions, param_shapes_constant=True)
        self.expand = expand

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not self.expand(m)


def trace(model: nn.Module, mode: FakeTensorMode) -> Trace:
    """Trace `model`; raises CannotCut when `torch.fx` cannot follow it or when its graph depends on the mode."""
    twin = fake_twin(model, mode)
    expand = _Expansion()
    try:
        with mode:
            graphs = [_block_graph(twin.train(training), expand) for training in (False, True)]
    except Exception as error:
        raise CannotCut(f"{type(model).__name__} cannot be cut: torch.fx cannot follow it ({_brief(error)}).") from error
    dropouts = [_dropout_modules(graph, training) for graph, training in zip(graphs, (False, True), strict=True)]
    if _text(graphs[0]) != _text(graphs[1]):
        raise CannotCut(f"{type(model).__name__} cannot be cut: its forward takes another way in training mode.")
    for name, module in dropouts[1].items():
        twin.add_module(name, module)
    return Trace(graphs[1], dropouts[1], twin)


def _brief(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:160]


def _text(graph: fx.Graph) -> str:
    return graph.python_code("self").src


def _block_graph(module: nn.Module, expand: Callable[[nn.Module], bool]) -> fx.Graph:
    """Graph of `module` with its first argument open, the others at their defaults, and nothing that is not used."""
    _, *others = inspect.signature(module.forward).parameters.values()
    defaults = {p.name: p.default for p in others if p.default is not p.empty}
    graph = _BlockTracer(lambda child: child is module or expand(child)).trace(module, concrete_args=defaults)
    for node in reversed(list(graph.nodes)):
        if node.op == "call_module" and _is_identity(module.get_submodule(node.target)):
            node.replace_all_uses_with(node.args[0])
        if not node.users and _has_no_effect(node, first=next(iter(graph.nodes))):
            graph.erase_node(node)
    return graph


def _is_identity(module: nn.Module) -> bool:
    return type(module) is nn.Identity or (type(module) is nn.Sequential and len(module) == 0)


def _has_no_effect(node: fx.Node, first: fx.Node) -> bool:
    """Whether an unused node may go: guards on arguments and sizes, sizes nobody reads, identities."""
    if node.op == "call_module":
        return _is_identity(node.graph.owning_module.get_submodule(node.target)) if node.graph.owning_module else False
    if node.op == "call_method":
        return not str(node.target).endswith("_")
    return node.op in ("call_function", "get_attr") or (node.op == "placeholder" and node is not first)
