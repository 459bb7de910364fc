"""A method on a network of the user's own, which goes on being that very network: its parts are trained in place."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

import benchmark
from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.cutting.balance import balanced_ends
from benchmark.engine.cutting.partition import Partition, cut
from benchmark.engine.cutting.units import Features, describe
from benchmark.engine.load import keep_addresses
from benchmark.engine.pictures.data import Task
from benchmark.engine.training.frozen import rests
from benchmark.engine.training.method import LocalMethod, Method
from benchmark.engine.training.seeding import forked_rng, seeded
from benchmark.errors import CannotCut, CannotFollow, UserError
from benchmark.schema.plugins import METHODS, load_class, plugin_path
from benchmark.schema.text import said

SHAPES_FROM = 2  # pictures: enough for batch normalisation in train mode


def method_class(name: str) -> type[Method]:
    """The class of a method by its id, or by the path of its file; those of the package, wherever it is installed.

    Raises:
        UserError: there is none of that name, or its file cannot be used.
    """
    keep_addresses()
    path = Path(name) if name.endswith(".py") else plugin_path(_methods_folder(), name)
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    return load_class(path, Method)


def _methods_folder() -> Path:
    beside = Path(benchmark.__file__).resolve().parent.parent / METHODS  # in a checkout
    if (beside / "e2ebp.py").is_file():
        return beside
    for file in metadata.files("beyond-backprop") or ():
        if file.parts[-2:] == (METHODS.name, "e2ebp.py"):
            return Path(str(file.locate())).resolve().parent
    raise UserError("This installation has no methods; install the wheel again, or work in a checkout.")


def network(model: str | nn.Module, task: Task, seed: int, pretrained: bool) -> nn.Module:
    """The network itself, or timm's of that name with the weights that the seed gives, or with pretrained ones."""
    if isinstance(model, nn.Module):
        if pretrained:
            raise UserError("pretrained is for a backbone by name; load the weights into your network yourself.")
        _refuse_lazy(model)
        return _in_train_mode(model)
    if not isinstance(model, str):
        raise UserError(f"model is {model!r}, but must be a name that timm knows, or a network (an nn.Module).")
    with seeded("weights", model, seed):
        arguments: dict[str, Any] = {"pretrained": True} if pretrained else {}
        return create_backbone(model, task.classes, task.channels, task.image_size, **arguments)


def _refuse_lazy(model: nn.Module) -> None:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise UserError(
                f"{type(model).__name__} has weights without a shape yet, as {name}; show it a batch once (`net(x)`)."
            )


def _in_train_mode(model: nn.Module) -> nn.Module:
    """All of it but what its user froze with its statistics (:mod:`benchmark.engine.training.frozen`)."""
    resting = [part for part in model.modules() if rests(part)]
    model.train()
    for part in resting:
        part.eval()
    return model


@contextmanager
def left_to_learn(model: nn.Module) -> Iterator[None]:
    """Afterwards the same weights may learn as before, however a training ends that froze some for a phase.

    What is frozen at the start of the next training would count as frozen by the user.
    """
    before = [(weight, weight.requires_grad) for weight in model.parameters()]
    try:
        yield
    finally:
        for weight, learns in before:
            weight.requires_grad_(learns)


def freeze(model: nn.Module, names: Sequence[str]) -> None:
    """Freeze the parts of these names, with the statistics of their normalisation.

    Raises:
        UserError: the network has no part of that name.
    """
    parts = dict(model.named_modules())
    for name in names:
        if not name or name not in parts:
            known = ", ".join(child for child, _ in model.named_children())
            raise UserError(f"There is no part {name!r} to freeze; the network begins with {known}.")
        parts[name].requires_grad_(False).eval()


def build(model: nn.Module, kind: type[Method], options: Mapping[str, Any], task: Task, k: int, seed: int) -> Method:
    """A method on the network, cut into ``k`` modules.

    Raises:
        CannotCut: the network cannot be cut so.
        UserError: the method cannot train it, or what is deployed would be more than the network.
    """
    k = k if kind.cut_matters else 1
    partition = _cut(model, k, (task.channels, task.image_size, task.image_size))
    if (logits := partition.outputs[-1].shape) != (task.classes,):
        raise UserError(
            f"The network ends in {tuple(logits)} for a picture, but must in {task.classes} logits, one a class."
        )
    if kind.readout:
        partition = partition.with_classifier_apart()
    first = next(iter(kind.variants.values()), {})
    with seeded("auxiliary", kind.__name__, k, seed):
        method = kind(partition, task, {**first, **options})
    _check_plain(kind)
    return method


def _check_plain(kind: type[Method]) -> None:
    """Refuse what no plain checkpoint can hold: more parts at deployment, or another way through them."""
    base = LocalMethod if issubclass(kind, LocalMethod) else Method
    others = [name for name in ("predict", "chain", "deployed") if getattr(kind, name) is not getattr(base, name)]
    if issubclass(kind, LocalMethod) and kind.enter is not LocalMethod.enter:
        others.append("enter")
    if others:
        raise UserError(
            f"{kind.title} does not end in the plain network (it has a `{others[0]}` of its own), so no checkpoint of "
            "the backbone alone would predict the same; choose another method."
        )


def _cut(model: nn.Module, k: int, shape: tuple[int, int, int]) -> Partition:
    try:
        return cut(model, k, input_shape=shape)
    except CannotCut as error:
        if isinstance(model, nn.Sequential):
            return _of_units(model, k, shape)
        if isinstance(error, CannotFollow):
            raise CannotFollow(f"{error} Give an nn.Sequential of its units to say where it may be cut.") from None
        raise


def _of_units(model: nn.Sequential, k: int, shape: tuple[int, int, int]) -> Partition:
    """The network cut between some of its children, whatever they do inside; modules keep like amounts of memory."""
    units = list(model)
    if not 1 <= k <= len(units):
        raise CannotCut(f"Cannot cut into {k} modules: the nn.Sequential has {len(units)} units.")
    _refuse_shared(units)
    features, costs = _tried(copy.deepcopy(model), shape)
    runs = [slice(start, end) for start, end in pairwise([0, *balanced_ends(costs, [0] * len(units), k)])]
    outputs = tuple(tuple(features[run]) for run in runs)
    modules = nn.ModuleList(nn.Sequential(*units[run]) for run in runs)
    for module in modules:
        module.training = True
    return Partition(modules, tuple(run[-1] for run in outputs), outputs)


def _refuse_shared(units: Sequence[nn.Module]) -> None:
    owners: dict[int, int] = {}
    for place, unit in enumerate(units):
        for weight in unit.parameters():
            if owners.setdefault(id(weight), place) != place:
                raise CannotCut(f"Units {owners[id(weight)]} and {place} share a weight; make one unit of them.")


def _tried(model: nn.Sequential, shape: tuple[int, int, int]) -> tuple[list[Features], list[int]]:
    """What flows out of each unit, and the bytes that it keeps for its backward pass."""
    features: list[Features] = []
    costs: list[int] = []
    with forked_rng():
        h = torch.zeros(SHAPES_FROM, *shape)
        for place, unit in enumerate(model.cpu()):
            kept: dict[int, int] = {}

            def keep(tensor: Tensor, kept: dict[int, int] = kept) -> Tensor:
                kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
                return tensor

            try:
                with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                    h = unit(h)
            except Exception as error:
                raise CannotCut(
                    f"Unit {place} ({type(unit).__name__}) does not run on pictures of {'x'.join(map(str, shape))} "
                    f"(channels, height, width): {said(error)}."
                ) from error
            found = describe(model, shape, str(place), h) if isinstance(h, Tensor) else None
            if found is None:
                raise CannotCut(f"Unit {place} ({type(unit).__name__}) does not give one tensor of features.")
            features.append(found)
            costs.append(sum(kept.values()))
    return features, costs
