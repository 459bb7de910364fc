"""Suites: what ``suites.yaml`` may say, and the cells that follow from it."""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

import benchmark
from benchmark.errors import UserError
from benchmark.schema.plain import Strict, not_plain
from benchmark.schema.plugins import ID, METHODS, method_metadata, plugin_path
from benchmark.schema.recipe import Recipe
from benchmark.schema.record import Identity, added
from benchmark.schema.suite_file import read_blocks
from benchmark.schema.text import printable

SUITES = Path("suites.yaml")
TWIN = "e2ebp"  # the method that all others are compared with, at K = 1
CHECKPOINTING = "gradient_checkpointing"  # exactly the twin, in less memory: the bar for all that save memory
FIRST_TUNING_SEED = 1000  # evaluation's are below it
Balance = Literal["memory", "flops", "units"]
# Whose recipe trains: the suite's own for all methods, each method's best of equally many tries, or a paper's.
ProtocolName = Literal["shared", "tuned", "paper"]
LEADING: tuple[ProtocolName, ...] = ("tuned", "paper", "shared")  # which protocol of a suite its ranks are of
PROTOCOL = int((Path(benchmark.__file__).parent / "engine" / "PROTOCOL").read_text(encoding="utf-8"))
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")  # of a backbone: it is part of a file's name, before a hyphen
# Beyond these a number is a slip of the pen, which would otherwise train for weeks or fill the memory with cells.
AT_MOST = {"epochs": 100_000, "batch": 1_000_000, "lr": 1000.0, "weight_decay": 1000.0, "warmup_lr": 1000.0}


def _by_protocol(value: Any) -> Any:
    """Seeds as a bare number are those of the shared recipe."""
    return value if isinstance(value, dict) else {"shared": value}


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"a whole number is meant, not {str(value).lower()}")
    return value


def _plain(value: Any) -> Any:
    if odd := not_plain(value):
        raise ValueError(f"{odd} cannot be written into a record; write plain numbers and text")
    return value


K = Annotated[int, BeforeValidator(_no_boolean), Field(gt=0, le=10_000)]
Seeds = Annotated[int, BeforeValidator(_no_boolean), Field(gt=0, le=FIRST_TUNING_SEED)]
Multiple = Annotated[float, Field(gt=0, le=1000)]
Options = Annotated[dict[str, Any], BeforeValidator(_plain)]
Class = Annotated[int, BeforeValidator(_no_boolean), Field(ge=0)]
Groups = Annotated[list[Annotated[list[Class], Field(min_length=1)]], Field(min_length=2)]  # of a data set's classes
Moment = Annotated[float, Field(gt=0, lt=1)]  # a fraction of all epochs of a training, of all its phases


class Backbone(Strict):
    """A timm model, how its stem is made, and the cut points that papers print for it, by K.

    Two settings of one model in a suite are told apart by ``label``, which then names the rows in place of the name.
    """

    name: str
    label: str | None = added()  # left out where there is none: fingerprints are then what they were before labels
    stem: Literal["native", "small"] = "native"
    kwargs: Options = Field(default_factory=dict)
    cuts: dict[K, list[str]] = Field(default_factory=dict)  # K -> names; other K are balanced
    task: str | None = added()  # of the suite's tasks; null: to tell each of the data set's classes apart
    groups: Groups | None = added()  # of the task

    @property
    def key(self) -> str:
        """What names its rows, and its cells: the label, if it has one."""
        return self.label or self.name

    @model_validator(mode="after")
    def _can_name_rows_and_files(self) -> Self:
        for text in (self.name, self.key):
            if not NAME.fullmatch(text):
                raise ValueError(f"{text!r} is no name of a backbone; use letters, digits, _ and . only")
        if self.label is not None and not self.label.startswith(f"{self.name}_"):
            raise ValueError(f"label {self.label!r} must begin with {self.name}_, so that rows say what they are of")
        for k, names in self.cuts.items():
            if len(names) != k - 1:
                raise ValueError(f"cuts names {len(names)} cut points for {k} modules, which are parted by {k - 1}")
        return self


class Override(Strict):
    """Options of a method in this suite, where a paper sets them by backbone or by K."""

    method: str
    variant: str | None = None
    backbone: str | None = None
    modules: K | None = None
    options: Options


class Augmentation(Strict):
    """What happens to training pictures in place of what the data set's file says, where a paper does it otherwise."""

    pad: int = Field(ge=0, le=64)  # pixels around the picture, out of which it is cropped at random; 0: it stays
    padding: Literal["reflect", "constant"] = "reflect"
    flip: bool  # horizontally, half of them


class Folder(Strict):
    """Where pictures of one's own lie, and what they are: of the data set ``image_folder``."""

    path: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$")  # below the data folder: a suite names no machine's
    classes: int = Field(gt=1, le=100_000)
    image: int = Field(gt=0, le=4096)  # side that they are shown at, pixels

    @model_validator(mode="after")
    def _stays_below(self) -> Self:
        if ".." in Path(self.path).parts:
            raise ValueError("a path below the data folder is meant, without `..`")
        return self


class Tune(Strict):
    """What each method's search may spend: 2 * share * configurations full trainings.

    The fewer steps an epoch has, the larger the share has to be: what is tried for a few dozen steps alone says only
    which rate is the fastest at the start.
    """

    configurations: int = Field(default=8, ge=4, le=32)  # with which it begins
    share: float = Field(default=0.25, ge=0.2, le=0.5)  # of the epochs at first; of them that go on for all epochs

    @model_validator(mode="after")
    def _lets_whole_ones_go_on(self) -> Self:
        if not math.isclose(on := self.share * self.configurations, round(on)):
            raise ValueError(f"a share of {self.share:g} of {self.configurations} configurations is {on:g}, not whole")
        return self


class Best(Strict):
    """Methods that did best with the seeds of all, and are trained with more by the leading protocol, for a rank."""

    methods: list[str] = Field(min_length=1)
    seeds: Seeds


class Suite(Strict):
    """A protocol: data, backbones, numbers of modules, recipe, seeds and the hardware it needs."""

    title: str = Field(min_length=1, max_length=300)
    role: Literal["smoke test", "comparison"] = "comparison"  # whether methods run and learn, or which is better
    dataset: str
    folder: Folder | None = added()  # of the data set image_folder
    backbones: list[Backbone] = Field(min_length=1)
    methods: list[str] | None = Field(default=None, min_length=1)  # these alone, where a paper compares a few
    modules: list[K] = Field(min_length=1)
    balance: Balance = "memory"
    recipe: Recipe
    twin_recipe: Recipe | None = added()  # of the end-to-end twin, where it trains by another one
    seeds: Annotated[dict[ProtocolName, Seeds], BeforeValidator(_by_protocol), Field(min_length=1)]
    best: Best | None = added()
    tune: Tune = Tune()
    reference: list[Multiple] = Field(default_factory=list)  # of the epochs: the twin is trained for so many, too
    # Of one suite: names of tasks, and the groups of classes that each tells apart; each backbone is trained for each.
    tasks: dict[str, Groups] | None = Field(default=None, min_length=1, exclude_if=lambda value: value is None)
    validation: float = Field(gt=0, lt=1)  # fraction of the training split that is held out
    limit: int | None = Field(default=None, gt=0)  # use only so many training pictures
    augment: Augmentation | None = added()  # null: as the data set's file says
    # The first of each method, all, or those of these names; of a method that has none of them, its first.
    variants: Literal["first", "all"] | list[str] = "first"
    overrides: list[Override] = Field(default_factory=list)
    device: Literal["cpu", "cuda"] = "cpu"
    timeout_minutes: float = Field(default=24 * 60, gt=0, le=10**7)  # of one cell
    # A track: by name, the examinations that its trained networks sit, each with its options (benchmark/examinations).
    examine: dict[str, Options] | None = Field(default=None, min_length=1, exclude_if=lambda value: value is None)
    moments: list[Moment] | None = added()  # of the training, at which networks are kept, beside its end

    @model_validator(mode="before")
    @classmethod
    def _has_a_backbone_for_each_task(cls, said: Any) -> Any:
        """Each backbone once a task, under its name and the task's: rows, twins, files are then those of backbones."""
        tasks = said.get("tasks") if isinstance(said, dict) else None
        if not (isinstance(tasks, dict) and isinstance(backbones := said.get("backbones"), list)):
            return said
        return said | {"backbones": [each for of in backbones for each in _of_tasks(of, tasks)]}

    @model_validator(mode="after")
    def _has_tasks_of_classes(self) -> Self:
        for name, groups in (self.tasks or {}).items():
            classes = [c for group in groups for c in group]
            if (twice := next((c for i, c in enumerate(classes) if c in classes[:i]), None)) is not None:
                raise ValueError(f"tasks.{name} has class {twice} twice; a class is in one group at most")
        return self

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> Self:
        keys = [backbone.key for backbone in self.backbones]
        if twice := next((b for i, b in enumerate(self.backbones) if b.key in keys[:i]), None):
            raise ValueError(
                f"two backbones are called {twice.key}; give one a label of its own, under which its rows stand: "
                f"{{name: {twice.name}, label: {twice.name}_other, ...}}"
            )
        if twice_k := next((k for i, k in enumerate(self.modules) if k in self.modules[:i]), None):
            raise ValueError(f"modules has {twice_k} twice; name each number of modules once")
        return self

    @model_validator(mode="after")
    def _asks_for_nothing_absurd(self) -> Self:
        for name, most in AT_MOST.items():
            if getattr(self.recipe, name) > most:
                raise ValueError(f"recipe.{name} is {getattr(self.recipe, name):g}, and more than {most:,g} is a slip")
        if self.recipe.warmup_epochs > self.recipe.epochs:
            raise ValueError(f"recipe.warmup_epochs is longer than the training of {self.recipe.epochs} epochs")
        return self

    @model_validator(mode="after")
    def _gives_the_best_more_seeds(self) -> Self:
        if not self.best:
            return self
        names = self.best.methods
        if twice := next((name for i, name in enumerate(names) if name in names[:i]), None):
            raise ValueError(f"best.methods has {twice} twice; name each method once")
        if other := next((name for name in names if name not in (self.methods or names)), None):
            raise ValueError(f"best.methods has {other}, which the suite's methods lack")
        if self.best.seeds <= (all_have := self.seeds[self.leading]):
            raise ValueError(f"best.seeds is {self.best.seeds}, and all methods have {all_have}")
        return self

    @model_validator(mode="after")
    def _has_a_reference_of_others(self) -> Self:
        names = [f"{multiple:g}" for multiple in self.reference]  # of files
        if twice := next((name for i, name in enumerate(names) if name in ("1", *names[:i])), None):
            raise ValueError(f"reference has {twice}, which is trained anyway; name each other multiple once")
        return self

    @model_validator(mode="after")
    def _has_a_twin_to_compare_with(self) -> Self:
        if self.methods is None:
            return self
        if twice := next((name for i, name in enumerate(self.methods) if name in self.methods[:i]), None):
            raise ValueError(f"methods has {twice} twice; name each method once")
        if TWIN not in self.methods and ("tuned" in self.seeds or self.reference):
            raise ValueError(
                f"methods lacks {TWIN}, whose recipe is tuned too, and whose epochs `reference` multiplies"
            )
        return self

    @model_validator(mode="after")
    def _overrides_its_own_settings(self) -> Self:
        keys = [backbone.key for backbone in self.backbones]
        for override in self.overrides:
            if override.backbone is not None and override.backbone not in keys:
                raise ValueError(f"overrides has no backbone {override.backbone!r} to match; there are {_list(keys)}")
            if override.modules is not None and override.modules not in {1, *self.modules}:
                raise ValueError(f"overrides has no K = {override.modules} to match; there are {_list(self.modules)}")
        return self

    @model_validator(mode="after")
    def _keeps_networks_for_someone(self) -> Self:
        if self.moments and not self.examine:
            raise ValueError("moments names when to keep networks for examinations, and `examine` names none")
        return self

    @property
    def leading(self) -> ProtocolName:
        """The protocol that the suite's ranks are of."""
        return next(protocol for protocol in LEADING if protocol in self.seeds)

    def seeds_of(self, method: str, protocol: ProtocolName) -> int:
        """How many seeds of a method are trained by one of the suite's protocols."""
        if self.best and protocol == self.leading and method in self.best.methods:
            return self.best.seeds
        return self.seeds[protocol]

    @property
    def recipe_of_twin(self) -> Recipe:
        """By which the end-to-end twin trains."""
        return self.twin_recipe or self.recipe

    def backbone(self, key: str) -> Backbone:
        """The suite's backbone whose rows have that name."""
        return next(b for b in self.backbones if b.key == key)


def _of_tasks(of: Any, tasks: Mapping[str, Any]) -> list[Any]:
    """A backbone of the file, once a task; what is none, or is of a task already, as it stands."""
    if not isinstance(of, dict) or of.get("groups") or not (key := of.get("label") or of.get("name")):
        return [of]
    return [{**of, "label": f"{key}_{task}", "task": task, "groups": groups} for task, groups in tasks.items()]


def _list(names: Sequence[object]) -> str:
    return ", ".join(map(str, names))


class Cell(Strict):
    """One training: everything that tells it apart within its suite."""

    suite: str
    method: str
    variant: str
    backbone: str
    modules: int
    seed: int
    recipe: Literal["tuned", "paper"] | None = added()  # null: shared
    times: float | None = added()  # multiple of the epochs, of a reference; null: 1

    @property
    def protocol(self) -> ProtocolName:
        """Of the suite's protocols, the one that the cell belongs to."""
        return self.recipe or "shared"


def load_suites(path: Path = SUITES) -> dict[str, Suite]:
    """All suites of the file.

    Raises:
        UserError: the file is missing, is no YAML or breaks the schema; says where.
    """
    return {name: _suite(name, block, path) for name, block in read_blocks(path).items()}


def _suite(name: object, block: object, path: Path) -> Suite:
    if not (isinstance(name, str) and ID.match(name)):
        raise UserError(f"{path}: {printable(name)} is no name of a suite; use small letters, digits and _ only.")
    try:
        return Suite.model_validate(block)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([f"{path}: {name}", *(str(part) for part in first["loc"] if part != "[key]")])
        fault = first["msg"].removeprefix("Value error, ")
        scalar = isinstance(first["input"], str | int | float) and first["type"] != "extra_forbidden"
        said = f" (it is {printable(first['input'], 40)})" if scalar else ""
        raise UserError(f"{printable(place)}: {printable(fault)}{said}.") from None


def load_suite(name: str, path: Path = SUITES) -> Suite:
    """One suite by its name.

    Raises:
        UserError: there is none; names the nearest ones.
    """
    suites = load_suites(path)
    if not suites:
        raise UserError(f"{path} defines no suite.")
    if name not in suites:
        near = difflib.get_close_matches(name, suites, n=3) or sorted(suites)
        raise UserError(f"There is no suite {name!r} in {path}; did you mean {', '.join(near)}?")
    return suites[name]


def settings(suite: Suite, cut_matters: bool = True) -> list[tuple[str, int]]:
    """The (backbone, K) at which the suite trains a method: K = 1 alone where the cut changes nothing."""
    return [(b.key, k) for b in suite.backbones for k in (suite.modules if cut_matters else [1])]


def trains(suite: Suite, method: str) -> bool:
    """Whether a suite trains a method: one that it names; where it names none, any that is not for some networks alone.

    Raises:
        UserError: there is no such method, or its file cannot be read.
    """
    if suite.methods is not None:
        return method in suite.methods
    return bool(method_metadata(plugin_path(METHODS, method))["everywhere"])


def cells(name: str, suite: Suite, method: str) -> list[Cell]:
    """All cells of one (suite, method), seeds innermost so that a row fills up early."""
    if not trains(suite, method):
        return []
    metadata = method_metadata(plugin_path(METHODS, method))
    variants = list(metadata["variants"]) or [""]
    if suite.variants == "first":
        variants = variants[:1]
    elif suite.variants != "all":
        variants = [v for v in variants if v in suite.variants] or variants[:1]
    by_protocol: list[tuple[ProtocolName, float | None]] = [(protocol, None) for protocol in suite.seeds]
    if method == TWIN:
        by_protocol += [(suite.leading, times) for times in suite.reference]
    return [
        Cell(
            suite=name,
            method=method,
            variant=v,
            backbone=backbone,
            modules=k,
            seed=s,
            recipe=None if protocol == "shared" else protocol,
            times=times,
        )
        for protocol, times in by_protocol
        for backbone, k in settings(suite, metadata["cut_matters"])
        for v in variants
        for s in range(suite.seeds_of(method, protocol))
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
        backbone=backbone.key,
        stem=backbone.stem,
        method=cell.method,
        variant=cell.variant,
        family=method_metadata(plugin_path(METHODS, cell.method))["family"],
        modules=cell.modules,
        seed=cell.seed,
        protocol=PROTOCOL,
        recipe=cell.recipe,
        times=cell.times,
    )
