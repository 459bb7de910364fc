"""The small problem that methods are checked on: real digits, and four kinds of networks in two and four modules.

That is a ResNet, a ViT, a ConvNeXt, and a perceptron without norms and skips. The test split is dropped as soon as the
digits are cut, or, in the sandbox, never there: the pictures come by a file.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from benchmark.engine.golden import PERCEPTRON, RESNET, VIT
from benchmark.engine.load import load_dataset
from benchmark.engine.measuring.world import World
from benchmark.engine.pictures.data import Batch, Pictures, data_root, in_memory, load_splits
from benchmark.engine.pictures.loader import Loader, MemoryLoader
from benchmark.engine.training.build import build_method, first_taken
from benchmark.engine.training.method import Method, Phase
from benchmark.engine.training.train import Watch, build_optimizers, check_finite, set_phase, train_step
from benchmark.schema.plugins import load_class
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import Backbone, Suite
from benchmark.submitting.check.findings import Failed

CONVNEXT = {"patch_size": 1, "depths": (1, 1, 1, 1), "dims": (8, 16, 32, 64)}
BACKBONES = {
    "ResNet": RESNET,
    "ViT": VIT,
    "ConvNeXt": Backbone(name="convnext_atto", kwargs=CONVNEXT),
    "perceptron": PERCEPTRON,
}
MODULES = (2, 4)
RECIPE = Recipe(epochs=8, batch=64, optimizer="adamw", lr=5e-3, weight_decay=1e-4, warmup_epochs=1, warmup_start=0.02)
SUITE = Suite(
    title="checks",
    dataset="digits",
    backbones=list(BACKBONES.values()),
    modules=list(MODULES),
    recipe=RECIPE,
    seeds={"shared": 1},
    validation=0.2,
)
sources: dict[type[Method], Path] = {}  # the files that classes were read from
homes: dict[type[Method], str] = {}  # what :func:`home` has found
given: list[Pictures] = []  # training and held-out pictures that came by a file


@cache
def pictures() -> tuple[Pictures, Pictures]:
    """Training and held-out pictures."""
    if given:
        train, held_out = given
        return train, held_out
    splits = load_splits(load_dataset(SUITE.dataset), data_root(), SUITE.validation)
    return in_memory(splits.train), in_memory(splits.validation)


def write_pictures(path: Path) -> None:
    """Write training and held-out pictures, and no others."""
    parts = dict(zip(("train", "held_out"), pictures(), strict=True))
    arrays = {f"{name}_{part}": getattr(each, part).numpy() for name, each in parts.items() for part in vars(each)}
    np.savez(path, **arrays)


def take_pictures(path: Path) -> None:
    """From now on, use the pictures of a file that :func:`write_pictures` made."""
    with np.load(path, allow_pickle=False) as stored:
        tensors = {name: torch.from_numpy(stored[name]) for name in stored.files}
    given[:] = [Pictures(tensors[f"{part}_images"], tensors[f"{part}_labels"]) for part in ("train", "held_out")]


@cache
def digits(views: int) -> tuple[Loader, Loader]:
    """Loaders of the training and of the held-out pictures."""
    dataset = load_dataset(SUITE.dataset)
    train, held_out = pictures()
    return (
        MemoryLoader(train, dataset, RECIPE.batch, seed=1, train=True, views=views),
        MemoryLoader(held_out, dataset, 500, train=False),
    )


def make(method: type[Method], backbone: str, k: int, tuned: Mapping[str, Any] = MappingProxyType({})) -> Method:
    """The method, with the options of its first variant and those that are tuned, on a freshly built network."""
    options = {**next(iter(method.variants.values()), {}), **tuned}
    return build_method(method, options, SUITE, BACKBONES[backbone], load_dataset(SUITE.dataset).task, k, seed=0)


def home(method: type[Method]) -> str:
    """The first of the backbones that a method does not refuse: all checks that need one alone are made on it.

    Raises:
        UserError: it refuses all.
    """
    if method not in homes:
        options = next(iter(method.variants.values()), {})
        found = first_taken(method, options, SUITE, load_dataset(SUITE.dataset).task)
        homes[method] = next(name for name, backbone in BACKBONES.items() if backbone == found)
    return homes[method]


def world(method: type[Method], backbone: str, k: int) -> World:
    """The method in a world of its own, its file read anew: nothing that it remembers outside of it is shared."""
    anew = load_class(sources[method], Method) if method in sources else method
    return World(make(anew, backbone, k), RECIPE, torch.device("cpu"))


def batch_of(method: type[Method], size: int) -> Batch:
    """One training batch of ``size`` pictures."""
    train, _ = pictures()
    return next(MemoryLoader(train, load_dataset(SUITE.dataset), size, train=True, views=method.views).epoch(0))


def train(method: Method, steps: int) -> list[list[list[float]]]:
    """Losses of so many steps of each phase, by phase and step."""
    torch.manual_seed(0)
    return [Training.start(method, phase).losses(steps) for phase in method.phases()]


def _equal(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else bool(a == b)


@dataclass
class Training:
    """A phase in the middle of its training, on one batch again and again."""

    method: Method
    batch: Batch
    optimizers: dict[int, Optimizer]

    @classmethod
    def start(cls, method: Method, phase: Phase) -> "Training":
        """The phase at its beginning."""
        set_phase(method, phase)
        loader, _ = digits(method.views)
        batch = next(loader.restricted(phase.labels_per_class).epoch(0))
        return cls(method, batch, build_optimizers(method, RECIPE, phase))

    def losses(self, steps: int) -> list[list[float]]:
        """Train for so many steps; the losses of each.

        Raises:
            Diverged: a loss is not finite.
            Failed: a step changes what is not its own.
        """
        rows, before = [], self._not_its_own()
        for step in range(steps):
            rows.append(train_step(self.method, self.batch, self.optimizers))
            check_finite([torch.stack(rows[-1])], 0, step)
            if changed := [name for name, value in self._not_its_own().items() if not _equal(value, before[name])]:
                raise Failed(f"A step changes {changed[0]}, which later steps and others use; leave it as it is.")
        return [[loss.item() for loss in row] for row in rows]

    def _not_its_own(self) -> dict[str, Any]:
        """What a step finds and must leave as it is, in words."""
        batches = {"batch": self.batch} | ({"batch.view": self.batch.view} if self.batch.view else {})
        found: dict[str, Any] = {}
        for name, batch in batches.items():
            found |= {f"`{name}.{part}`": getattr(batch, part).clone() for part in ("x", "y", "raw")}
        for k, module in enumerate(self.method.modules):
            found[f"train or eval mode of module {k}"] = [each.training for each in module.modules()]
            found[f"`requires_grad` of module {k}"] = [p.requires_grad for p in module.parameters()]
        return found

    def watched(self, watch: Watch, phase: int, steps: int) -> None:
        """Train for so many steps, in phase number ``phase``, under a watch."""
        watch.begin(self.method, phase, steps)
        for _ in range(steps):
            watch.step(self.method, self.batch, self.optimizers)
        watch.end(self.method)

    def state(self) -> dict[str, Any]:
        """A copy of what a checkpoint of the engine's objects holds."""
        return copy.deepcopy({"parts": [p.state_dict() for p in self._parts()], "random": torch.get_rng_state()})

    def load(self, state: dict[str, Any]) -> None:
        """Go on from another training's :meth:`state`."""
        for part, saved in zip(self._parts(), state["parts"], strict=True):
            part.load_state_dict(saved)
        torch.set_rng_state(state["random"])

    def _parts(self) -> list[nn.Module | Optimizer]:
        return [self.method.modules, self.method.auxiliaries, *self.optimizers.values()]
