"""Cutting a backbone into gradient-isolated modules, wherever one tensor is all that flows.

The cut is exact: the modules, run one after the other, give the same bits and the same gradients as the uncut
model, in training and in evaluation, and they keep its parts, its parameters and their names.
"""

import copy
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from torch import Tensor, fx, nn

from benchmark.engine.cutting.balance import balanced_ends
from benchmark.engine.cutting.dry_run import Sighting, dry_run
from benchmark.engine.cutting.tracing import BlockTracer, Trace, trace
from benchmark.engine.cutting.units import Features, Unit, find_units
from benchmark.errors import CannotCut, UserError
from benchmark.schema.suite import Balance

__all__ = ["Features", "Partition", "cut", "cut_points"]

InputShape = tuple[int, int, int]  # (C, H, W) of a picture


@dataclass
class Partition:
    """A backbone cut into K modules with disjoint parameters; each module is a row of units."""

    modules: nn.ModuleList  # K times nn.Sequential of fx.GraphModule, which hold the model's own modules
    outputs: tuple[Features, ...]  # of each module; those of the last one are the logits
    unit_outputs: tuple[tuple[Features, ...], ...]  # of each unit of each module
    aliases: dict[str, str] = field(default_factory=dict)  # second name of a tensor in the uncut model -> its first

    @property
    def cuts(self) -> tuple[str, ...]:
        """Names of the K - 1 cut points."""
        return tuple(features.name for features in self.outputs[:-1])

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (B, classes) for pictures `x` (B, C, H, W): all modules in a row, as the uncut model."""
        for module in self.modules:
            x = module(x)
        return x

    def with_classifier_apart(self) -> "Partition":
        """The same with the last unit, the classifier, as a module of its own, if it is not one already."""
        *hidden, last = self.modules
        assert isinstance(last, nn.Sequential)
        if len(last) == 1:
            return self
        *units, end = self.unit_outputs
        return Partition(
            nn.ModuleList([*hidden, last[:-1], last[-1:]]),
            (*self.outputs[:-1], end[-2], end[-1]),
            (*units, end[:-1], end[-1:]),
            self.aliases,
        )

    def _units(self) -> Iterator[nn.Module]:
        for module in self.modules:
            yield from module.children()

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters and buffers under the names that they have in the uncut model."""
        state = {name: tensor for unit in self._units() for name, tensor in unit.state_dict().items()}
        return state | {alias: state[name] for alias, name in self.aliases.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load the state dict of the uncut model; raises UserError when it is that of another backbone."""
        own = {name: tensor.shape for name, tensor in self.state_dict().items()}
        other = {name: tensor.shape for name, tensor in state.items()}
        if odd := sorted(name for name in own.keys() | other.keys() if own.get(name) != other.get(name)):
            raise UserError(f"The checkpoint is of another backbone: {len(odd)} tensors differ, as {odd[0]!r}.")
        for unit in self._units():
            unit.load_state_dict({name: state[name] for name in unit.state_dict()})


def cut_points(model: nn.Module, input_shape: InputShape) -> list[Features]:
    """Every legal cut of `model` on pictures (C, H, W), in the order of execution; raises CannotCut."""
    traced = trace(model)
    return [unit.output for unit in find_units(traced, dry_run(traced, input_shape), input_shape)[:-1]]


def cut(
    model: nn.Module,
    k: int | None = None,
    *,
    balance: Balance = "memory",
    at: Sequence[str] = (),
    input_shape: InputShape,
) -> Partition:
    """Cut `model` into `k` modules, or after the cut points (or blocks) named in `at`.

    `balance` says of what the largest module has as little as possible: "memory", the bytes it keeps for its
    backward pass; "flops" of its forward pass; "units" (the classifier counts as none, as in InfoPro's cuts).
    The model is left as it is and shares its parts with the partition; it may live on the meta device.
    Raises CannotCut when `torch.fx` cannot follow the model, a name is unknown, or it has fewer than k units.
    """
    if (k is None) == (not at):
        raise UserError("Say how to cut: give the number of modules k or the names in at, one of the two.")
    traced = trace(model)
    seen = dry_run(traced, input_shape, count_flops=balance == "flops")
    units = find_units(traced, seen, input_shape)
    ends = _named_ends(units, at) if k is None else _balanced_ends(units, k, _costs(units, seen, balance))
    runs = [units[start:end] for start, end in pairwise([0, *ends])]
    modules = _build(model, traced, runs)
    return Partition(
        modules,
        tuple(run[-1].output for run in runs),
        tuple(tuple(unit.output for unit in run) for run in runs),
        _aliases(model, modules),
    )


def _balanced_ends(units: list[Unit], k: int, costs: tuple[list[int], list[int]]) -> list[int]:
    if not 1 <= k <= len(units):
        raise CannotCut(f"Cannot cut into {k} modules: this backbone allows 1 to {len(units)} modules.")
    return balanced_ends(*costs, k)


def _costs(units: list[Unit], seen: dict[fx.Node, Sighting], balance: Balance) -> tuple[list[int], list[int]]:
    """What every unit adds to the cost of its module, and what it adds on top if it is the first one there."""
    free = [0] * len(units)
    if balance == "units":
        return [1] * (len(units) - 1) + [0], free
    if balance == "flops":
        return [sum(seen[node].flops for node in unit.nodes) for unit in units], free
    if balance != "memory":
        raise UserError(f"There is no balance {balance!r}; choose memory, flops or units.")
    costs, carried, known = [], [], set[int]()
    for unit in units:
        saved = {storage: size for node in unit.nodes for storage, size in seen[node].saved.items()}
        costs.append(sum(size for storage, size in saved.items() if storage not in known))
        carried.append(sum(saved.values()) - costs[-1])  # shared with the unit before: once in a module
        known |= saved.keys()
    return costs, carried


def _named_ends(units: list[Unit], names: Sequence[str]) -> list[int]:
    ends = sorted({_end(units, name) for name in names})
    if len(ends) < len(names):
        raise CannotCut(f"Two of the cut points {', '.join(names)} are the same place; name each one once.")
    return [*ends, len(units)]


def _end(units: list[Unit], name: str) -> int:
    """Number of units up to the cut point `name`, or up to the end of the block of that name."""
    known = [unit.output.name for unit in units]
    if name in known[:-1]:
        return known.index(name) + 1
    inside = [i for i, other in enumerate(known[:-1], start=1) if other.startswith(f"{name}.")]
    if inside:
        return inside[-1]
    close = ", ".join(difflib.get_close_matches(name, known[:-1], n=3, cutoff=0.4) or known[:-1])
    raise CannotCut(f"{name!r} is not a cut point of this backbone; those nearest to it are {close}.")


def _build(model: nn.Module, traced: Trace, runs: list[list[Unit]]) -> nn.ModuleList:
    """A module for every run of units: generated code over the parts of `model` itself."""
    root = copy.copy(model)  # shallow, since the dropout modules must not appear in the user's model
    root._modules = {**model._modules, **traced.dropouts}
    rows = [[fx.GraphModule(root, _unit_graph(unit), class_name="Unit") for unit in run] for run in runs]
    modules = nn.ModuleList(nn.Sequential(*row) for row in rows)
    known = set(model.modules())
    for part in modules.modules():
        if part not in known:
            part.training = model.training
    return modules


def _aliases(model: nn.Module, modules: nn.ModuleList) -> dict[str, str]:
    """Names of tensors that go by another name in the units; raises CannotCut for a tensor that is in none."""
    units = [unit for module in modules for unit in module.children()]
    held = {name: tensor for unit in units for name, tensor in unit.state_dict(keep_vars=True).items()}
    names = {id(tensor): name for name, tensor in held.items()}
    others = {name: tensor for name, tensor in model.state_dict(keep_vars=True).items() if name not in held}
    if lost := [name for name, tensor in others.items() if id(tensor) not in names]:
        raise CannotCut(f"{type(model).__name__} cannot be cut: its forward does not use {lost[0]}, for one.")
    return {name: names[id(tensor)] for name, tensor in others.items()}


def _unit_graph(unit: Unit) -> fx.Graph:
    graph = fx.Graph(tracer_cls=BlockTracer)
    x = graph.placeholder("x")
    copies: dict[fx.Node, fx.Node] = {}

    def copied(node: fx.Node) -> fx.Node:
        if node.op == "get_attr" and node not in copies:
            copies[node] = graph.node_copy(node)
        return copies.get(node, x)  # the one value that comes from outside is the unit's input

    for node in unit.nodes:
        if node.op not in ("placeholder", "get_attr", "output"):
            copies[node] = graph.node_copy(node, copied)
    last = unit.nodes[-1]
    graph.output(copied(last.all_input_nodes[0] if last.op == "output" else last))
    return graph
