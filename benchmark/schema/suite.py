"""Suites: what ``suites.yaml`` may say, and the cells that follow from it."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import benchmark
from benchmark.errors import UserError
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.recipe import Recipe
from benchmark.schema.record import Identity

SUITES = Path("suites.yaml")
TWIN = "e2ebp"  # the method that all others are compared with, at K = 1
Balance = Literal["memory", "flops", "units"]
PROTOCOL = int((Path(benchmark.__file__).parent / "engine" / "PROTOCOL").read_text())


class Strict(BaseModel):
    """Unknown keys are an error: a misspelt option must not be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Backbone(Strict):
    """A timm model, how its stem is made, and the cut points that papers print for it, by K."""

    name: str
    stem: Literal["native", "small"] = "native"
    kwargs: dict[str, Any] = Field(default_factory=dict)
    cuts: dict[int, list[str]] = Field(default_factory=dict)  # K -> names; other K are balanced


class Override(Strict):
    """Options of a method in this suite, where a paper sets them by backbone or by K."""

    method: str
    variant: str | None = None
    backbone: str | None = None
    modules: int | None = None
    options: dict[str, Any]


class Suite(Strict):
    """A protocol: data, backbones, numbers of modules, recipe, seeds and the hardware it needs."""

    title: str
    dataset: str
    backbones: list[Backbone]
    modules: list[int]
    balance: Balance = "memory"
    recipe: Recipe
    seeds: int = Field(gt=0)
    validation: float = Field(gt=0, lt=1)  # fraction of the training split that is held out
    limit: int | None = None  # use only so many training pictures
    variants: Literal["first", "all"] = "first"
    overrides: list[Override] = Field(default_factory=list)
    device: Literal["cpu", "cuda"] = "cpu"
    timeout_minutes: float = Field(default=24 * 60, gt=0)  # of one cell

    def backbone(self, name: str) -> Backbone:
        """The suite's backbone of that name."""
        return next(b for b in self.backbones if b.name == name)


class Cell(Strict):
    """One training: everything that tells it apart within its suite."""

    suite: str
    method: str
    variant: str
    backbone: str
    modules: int
    seed: int


def load_suites(path: Path = SUITES) -> dict[str, Suite]:
    """All suites of the file.

    Raises:
        UserError: the file is missing, is no YAML or breaks the schema; says where.
    """
    try:
        blocks = yaml.safe_load(path.read_text()) or {}
    except OSError:
        raise UserError(f"{path} is missing; run `beyond` from the top of the repository.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    return {name: _suite(block, f"{path}: {name}") for name, block in blocks.items()}


def _suite(block: object, where: str) -> Suite:
    try:
        return Suite.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *map(str, first["loc"])])
        raise UserError(f"{place}: {first['msg']}.") from None


def load_suite(name: str, path: Path = SUITES) -> Suite:
    """One suite by its name.

    Raises:
        UserError: there is none; names the nearest ones.
    """
    suites = load_suites(path)
    if name not in suites:
        near = difflib.get_close_matches(name, suites, n=3) or sorted(suites)
        raise UserError(f"There is no suite {name!r} in {path}; did you mean {', '.join(near)}?")
    return suites[name]


def settings(suite: Suite, cut_matters: bool = True) -> list[tuple[str, int]]:
    """The (backbone, K) at which the suite trains a method: K = 1 alone where the cut changes nothing."""
    return [(b.name, k) for b in suite.backbones for k in (suite.modules if cut_matters else [1])]


def cells(name: str, suite: Suite, method: str) -> list[Cell]:
    """All cells of one (suite, method), seeds innermost so that a row fills up early."""
    metadata = method_metadata(plugin_path(METHODS, method))
    variants = list(metadata["variants"]) or [""]
    if suite.variants == "first":
        variants = variants[:1]
    return [
        Cell(suite=name, method=method, variant=v, backbone=backbone, modules=k, seed=s)
        for backbone, k in settings(suite, metadata["cut_matters"])
        for v in variants
        for s in range(suite.seeds)
    ]


def cell_options(suite: Suite, cell: Cell, variants: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The method's options for a cell: its variant's, then the suite's overrides that match, in order."""
    options = dict(variants.get(cell.variant, {}))
    for o in suite.overrides:
        wanted = (o.method, o.variant, o.backbone, o.modules)
        have = (cell.method, cell.variant, cell.backbone, cell.modules)
        if all(w is None or w == h for w, h in zip(wanted, have, strict=True)):
            options.update(o.options)
    return options


def identify(cell: Cell, suite: Suite) -> Identity:
    """The cell's identity as its record states it."""
    backbone = suite.backbone(cell.backbone)
    return Identity(
        suite=cell.suite,
        dataset=suite.dataset,
        backbone=backbone.name,
        stem=backbone.stem,
        method=cell.method,
        variant=cell.variant,
        family=method_metadata(plugin_path(METHODS, cell.method))["family"],
        modules=cell.modules,
        seed=cell.seed,
        protocol=PROTOCOL,
    )
