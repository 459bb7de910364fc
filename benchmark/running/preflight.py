"""Everything that would stop a suite, found in seconds and said in one sentence, before anything trains."""

from difflib import get_close_matches

import timm
import torch
from timm.optim import list_optimizers
from torch import nn

from benchmark.engine.load import dataset_of, load_method
from benchmark.engine.parallel.refusal import why_not_parallel
from benchmark.engine.pictures.data import Splits, Task, data_root, load_splits
from benchmark.engine.training.build import build_partition
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import build_optimizer
from benchmark.errors import CannotCut, UserError
from benchmark.schema.plugins import METHODS, method_metadata, plugin_ids, plugin_path
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import SUITES, TWIN, Suite, cells, load_suite
from benchmark.schema.text import printable


def preflight(report: object, name: str, methods: tuple[str, ...], here: bool = True) -> tuple[str, int]:
    """Check methods, hardware, data and cuts of a suite.

    Args:
        here: cells train on this machine, so it must have the hardware.

    Returns:
        The fingerprint of the pictures, and the number of GPUs.

    Raises:
        UserError: what stops the suite, and how to mend it.
    """
    loaded = {method: load_method(method) for method in sorted({TWIN, *methods})}
    suite = load_suite(name)
    _check_overrides(f"{SUITES}: {name}.overrides", suite, loaded)
    _check_variants(f"{SUITES}: {name}.variants", suite)
    found = hardware_and_data(report, name, here)
    _check_cuts(suite, {(c.backbone, c.modules) for m in methods for c in cells(name, suite, m)})
    return found


def unloadable(report: object, methods: tuple[str, ...]) -> dict[str, str]:
    """By name: a sentence on each method's file that cannot be imported."""
    found = {}
    for method in methods:
        try:
            load_method(method)
        except UserError as error:
            found[method] = str(error)
    return found


def not_parallel(report: object, methods: tuple[str, ...]) -> dict[str, str]:
    """By name: a sentence on each method whose modules cannot train at the same time."""
    reasons = {name: why_not_parallel(load_method(name)) for name in methods}
    return {name: f"Modules of {name} cannot train at the same time: {why}." for name, why in reasons.items() if why}


def hardware_and_data(report: object, name: str, here: bool = True) -> tuple[str, int]:
    """The same for a suite whose methods shall not be imported here: no method's file is opened.

    Raises:
        UserError: the hardware or the pictures are missing, or the suite leaves nothing to train on or with.
    """
    suite = load_suite(name)
    cuda = suite.device == "cuda" and here
    if cuda and not torch.cuda.is_available():
        raise UserError(f"Suite {name!r} needs a CUDA GPU, and there is none here; `beyond plan {name}` runs anywhere.")
    check_optimizer(f"{SUITES}: {name}.recipe.optimizer", suite.recipe, "cuda" if cuda else "cpu")
    dataset = dataset_of(suite)
    splits = load_splits(dataset, data_root(), suite.validation, suite.limit)
    _check_pictures(f"{SUITES}: {name}", suite, splits, dataset.task)
    return splits.fingerprint, torch.cuda.device_count() if cuda else 0


def check_optimizer(place: str, recipe: Recipe, device: str) -> None:
    """The optimiser can be made and takes a step that needs nothing but gradients."""
    name = recipe.optimizer
    layer = nn.Conv2d(2, 2, 3, device=device)
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    try:
        build_optimizer(list(layer.parameters()), recipe).step()
    except Exception as error:
        names = [str(known) for known in list_optimizers()]
        if name.lower() in names:
            why = printable(f"{type(error).__name__}: {error}", 200)
            raise UserError(f"{place}: {name!r} cannot take a step here ({why}); choose another.") from None
        near = get_close_matches(name.lower(), names, n=3) or ["sgd", "adamw"]
        raise UserError(f"{place}: timm has no optimiser {name!r}; did you mean {', '.join(near)}?") from None


def _check_pictures(place: str, suite: Suite, splits: Splits, task: Task) -> None:
    """Enough is left to train on, of every class, and something to validate on."""
    left, batch = len(splits.train), suite.recipe.batch
    which = f"{place}.limit" if suite.limit and suite.limit < batch else f"{place}.validation"
    if left < batch:
        raise UserError(f"{which}: {left} pictures are left to train on, fewer than a batch of {batch}.")
    missing = set(range(task.classes)) - set(splits.train.labels.tolist())
    if missing:
        which = f"{place}.limit" if suite.limit else which
        raise UserError(f"{which}: {left} pictures are left to train on, none of which is of class {min(missing)}.")
    if not len(splits.validation):
        raise UserError(f"{place}.validation: {suite.validation:g} leaves no pictures to validate on.")


def _check_overrides(place: str, suite: Suite, loaded: dict[str, type[Method]]) -> None:
    """Every override is of a method that is here; of those that run now, it has the variant and the options."""
    for number, override in enumerate(suite.overrides):
        here = f"{place}.{number}"
        try:
            plugin_path(METHODS, override.method)
        except UserError as error:
            raise UserError(f"{here}: {error}") from None
        method = loaded.get(override.method)
        if method is None:
            continue
        if override.variant not in (None, "", *method.variants):
            known = ", ".join(method.variants) or "none"
            raise UserError(f"{here}: {override.method} has no variant {override.variant!r}; it has: {known}.")
        if unknown := sorted(set(override.options) - set(method.defaults)):
            known = ", ".join(method.defaults) or "none"
            raise UserError(f"{here}: {override.method} has no option {unknown[0]!r}; it knows: {known}.")


def _check_variants(place: str, suite: Suite) -> None:
    """Every variant that the suite names is one of a method that it trains."""
    if not isinstance(suite.variants, list):
        return
    known = {variant for method in suite.methods or plugin_ids(METHODS) for variant in _variants_of(method)}
    if unknown := [variant for variant in suite.variants if variant not in known]:
        near = get_close_matches(unknown[0], sorted(known), n=3)
        raise UserError(
            f"{place}: no method that the suite trains has a variant {unknown[0]!r}"
            + (f"; did you mean {', '.join(near)}?" if near else ".")
        )


def _variants_of(method: str) -> list[str]:
    """Names of a method's variants; none of a file that cannot be read, of which is told where it is to train."""
    try:
        return list(method_metadata(plugin_path(METHODS, method))["variants"])
    except UserError:
        return []


def _check_cuts(suite: Suite, wanted: set[tuple[str, int]]) -> None:
    task = dataset_of(suite).task
    for label in (b.label for b in suite.backbones if b.label):
        if timm.is_model(label):
            raise UserError(f"{label} is a model of timm's; give the suite's backbone another label.")
    for backbone, k in sorted(wanted):
        try:
            with torch.device("meta"):
                build_partition(suite.backbone(backbone), task, k, suite.balance, seed=0)
        except CannotCut as error:
            raise UserError(f"Backbone {backbone}: {error}") from None
