"""What a suite will cost, before anything runs, and how far such predictions are from the papers' figures.

All numbers are simulated (`benchmark.engine.measuring.cost`): tensor bytes, never GPU memory, which is more by the
allocator's slack, the kernels' workspaces and the CUDA context. GB are 1e9 bytes.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.measuring.cost import Simulation, simulate
from benchmark.engine.pictures.data import Task
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.schema.plugins import METHODS, broken_methods, plugin_ids
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import TWIN, Backbone, Cell, Suite, cell_options, cells, load_suite
from benchmark.schema.text import write_text

PUBLISHED = Path("results/published.csv")
PLANS = Path("results/plans")
DECIMALS = {"peak_gb": 3, "peak_ratio": 3, "saved_gb": 3, "step_gflops": 1, "flops_ratio": 3}
GB = 1e9
T = TypeVar("T")


class Row(BaseModel):
    """A row of a table; a field's title is its column's."""

    model_config = ConfigDict(frozen=True)


class PlanRow(Row):
    """The predicted cost of one (method, variant, backbone, K); no numbers where it cannot be had."""

    method: str
    variant: str
    backbone: str
    modules: int = Field(title="K")
    peak_gb: float | None = Field(default=None, title="peak GB")
    peak_ratio: float | None = Field(default=None, title="× twin")
    saved_gb: float | None = Field(default=None, title="saved GB")
    step_gflops: float | None = Field(default=None, title="GFLOP a step")
    flops_ratio: float | None = Field(default=None, title="× twin")
    parameters: int | None = Field(default=None, title="parameters")
    auxiliary_parameters: int | None = Field(default=None, title="auxiliary")
    note: str = ""


class CheckRow(Row):
    """A simulated peak beside the one that a paper measured on its GPUs."""

    method: str
    backbone: str
    modules: int = Field(title="K")
    cuts: str
    batch: int = Field(title="batch a GPU")
    published_gb: float = Field(title="published GB")
    simulated_gb: float = Field(title="simulated GB")
    deviation: float = Field(title="deviation %")
    published_ratio: float = Field(title="published × e2ebp")
    simulated_ratio: float = Field(title="simulated × e2ebp")
    note: str


def plan_suite(name: str, console: Console | None = None) -> list[PlanRow]:
    """Predicted cost of all that a suite trains, one row for all seeds.

    Raises:
        UserError: there is no such suite.
    """
    suite = load_suite(name)
    first = next(
        iter(suite.seeds)
    )  # one protocol's cells: they differ in seeds and recipe, and are planned by the suite's
    every = [cell for method in plugin_ids(METHODS, broken_methods()) for cell in cells(name, suite, method)]
    planned = [cell for cell in every if cell.protocol == first and not cell.seed and not cell.times]
    planned.sort(key=lambda cell: cell.method != TWIN)  # all others are compared with it
    twins: dict[str, Simulation] = {}
    rows = [_plan_cell(suite, cell, twins) for cell in _tracked(planned, f"Planning {name}", console)]
    place = {backbone.key: i for i, backbone in enumerate(suite.backbones)}
    return sorted(rows, key=lambda row: place[row.backbone])


def _plan_cell(suite: Suite, cell: Cell, twins: dict[str, Simulation]) -> PlanRow:
    row = PlanRow(method=cell.method, variant=cell.variant, backbone=cell.backbone, modules=cell.modules)
    task = load_dataset(suite.dataset).task
    try:
        method = load_method(cell.method)
        options = cell_options(suite, cell, dict(method.variants))
        backbone = suite.backbone(cell.backbone)
        build = partial(build_method, method, options, suite, backbone, task, cell.modules, cell.seed)
        cost = simulate(build, suite.recipe, task, suite.recipe.batch)
    except UserError as error:
        return row.model_copy(update={"note": str(error)})
    if cell.method == TWIN:
        twins[cell.backbone] = cost
    twin = twins.get(cell.backbone)
    numbers = {
        "peak_gb": cost.peak_bytes / GB,
        "peak_ratio": cost.peak_bytes / twin.peak_bytes if twin else None,
        "saved_gb": cost.saved_bytes / GB,
        "step_gflops": cost.step_flops / 1e9,
        "flops_ratio": cost.step_flops / twin.step_flops if twin else None,
        "parameters": cost.parameters,
        "auxiliary_parameters": cost.auxiliary_parameters,
    }
    return row.model_copy(update=numbers)


@dataclass(frozen=True)
class Setting:
    """A training whose memory a paper prints, and how it is set up here."""

    published: tuple[str, str, str, int]  # method, data set, backbone, K in results/published.csv
    method: str
    backbone: str
    task: Task
    batch: int  # pictures a GPU
    modules: int
    cuts: Sequence[str] = ()  # none: as many units in each module
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


CIFAR = Task(10, 32, 3, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
IMAGENET = Task(1000, 224, 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
R110 = ("CIFAR-10", "ResNet-110")
INFOPRO_NOTE = "the authors' memory-balanced cuts (InfoPro*)"
IMAGENET_NOTE = "the authors' cut; 1c2f and the CIFAR decoder stand in for their deeper ImageNet ones"
SQRT_NOTE = "equal segments by the square-root rule, √56 units (Chen et al. 2016)"
FITTED_NOTE = "the paper does not print its segments; this K was chosen because it fits its figure"


def _cifar(method: str, published: str, modules: int, **setting: Any) -> Setting:
    key = (published, *R110, setting.pop("row", modules))
    return Setting(key, method, "cifar_resnet110", CIFAR, 1024, modules, **setting)


def _infopro_cifar(first: tuple[float, float], *cuts: str) -> Setting:
    options = {"first": first, "last": (5, 0.1)}
    return _cifar("infopro", "infopro_balanced", len(cuts) + 1, cuts=cuts, options=options, note=INFOPRO_NOTE)


def _imagenet(published: str, backbone: str, batch: int, cut: str = "", weights: tuple = ()) -> Setting:
    key = ("infopro_balanced" if cut else TWIN, "ImageNet", published, 2 if cut else 1)
    if not cut:
        return Setting(key, TWIN, backbone, IMAGENET, batch, 1)
    options = {"task_loss": "softmax", "first": weights, "last": weights}
    return Setting(key, "infopro", backbone, IMAGENET, batch, 2, (cut,), options, IMAGENET_NOTE)


SETTINGS = (  # Wang et al. 2021: table 3 (CIFAR-10), table 4 (ImageNet), cuts and weights of their code
    _cifar("e2ebp", "e2ebp", 1),
    _cifar("gradient_checkpointing", "gradient_checkpointing", 7, row=1, note=SQRT_NOTE),
    _cifar("gradient_checkpointing", "gradient_checkpointing", 4, row=1, note=FITTED_NOTE),
    _infopro_cifar((5, 0.1), "layer1.14"),
    _infopro_cifar((5, 0), "layer1.9", "layer2.2"),
    _infopro_cifar((5, 0), "layer1.6", "layer1.14", "layer2.8"),
    _imagenet("ResNet-101", "resnet101", 128),
    _imagenet("ResNet-101", "resnet101", 128, "layer2.0", (5, 0.75)),
    _imagenet("ResNet-152", "resnet152", 128),
    _imagenet("ResNet-152", "resnet152", 128, "layer2.5", (5, 1)),
    _imagenet("ResNeXt-101 32x8d", "resnext101_32x8d", 64),
    _imagenet("ResNeXt-101 32x8d", "resnext101_32x8d", 64, "layer2.2", (5, 0.75)),
)


def published_check(settings: Iterable[Setting] = SETTINGS, console: Console | None = None) -> list[CheckRow]:
    """Simulate trainings whose GPU memory a paper prints; an end-to-end row comes before those beside it."""
    figures = published_memory()
    rows: list[CheckRow] = []
    base = 0
    for setting in _tracked(list(settings), "Simulating published trainings", console):
        method, peak = _simulated_peak(setting)
        base = peak if setting.method == TWIN else base
        measured = figures[setting.published]
        rows.append(
            CheckRow(
                method=setting.method,
                backbone=setting.backbone,
                modules=setting.modules,
                cuts=" ".join(f.name for f in method.outputs[:-1]),
                batch=setting.batch,
                published_gb=measured,
                simulated_gb=peak / GB,
                deviation=100 * (peak / GB / measured - 1),
                published_ratio=measured / figures[(TWIN, *setting.published[1:3], 1)],
                simulated_ratio=peak / base,
                note=setting.note,
            )
        )
    return rows


def _simulated_peak(setting: Setting) -> tuple[Method, int]:
    """The method as it was simulated, and its peak in bytes."""
    cuts = {setting.modules: list(setting.cuts)} if setting.cuts else {}
    backbone = Backbone(name=setting.backbone, cuts=cuts)
    recipe = Recipe(epochs=1, batch=setting.batch, lr=0.1)
    suite = Suite.model_construct(balance="units")
    made = load_method(setting.method), setting.options, suite, backbone, setting.task, setting.modules, 0
    method = build_method(*made)
    return method, simulate(lambda: method, recipe, setting.task, setting.batch).peak_bytes


def published_memory(path: Path = PUBLISHED) -> dict[tuple[str, str, str, int], float]:
    """GB by (method, data set, backbone, K), of all rows of results/published.csv that print memory."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["metric"] == "memory_gb"]
    return {(r["method"], r["dataset"], r["backbone"], int(r["modules"])): float(r["value"]) for r in rows}


def print_plan(name: str, console: Console, save_to: Path | None = None) -> None:
    """Print what a suite will cost; ``save_to`` is a folder for ``<suite>.csv``, which the dashboard shows."""
    title = f"{name}: predicted cost of a training step (simulated tensor bytes)"
    rows = plan_suite(name, console)
    console.print(as_table(rows, title))
    if save_to:
        table = pd.DataFrame([row.model_dump() for row in rows], columns=list(PlanRow.model_fields))
        write_text(table.round(DECIMALS).to_csv(index=False), save_to / f"{name}.csv")


def print_published_check(console: Console) -> None:
    """Print simulated peaks beside the papers' GPU memory."""
    title = "Simulated tensor bytes beside the GPU memory that papers print"
    console.print(as_table(published_check(console=console), title))


def as_table(rows: Sequence[Row], title: str) -> Table:
    """Rows of one kind as a table; columns without any content are left out."""
    table = Table(title=title)
    fields = type(rows[0]).model_fields if rows else {}
    shown = {name: info for name, info in fields.items() if any(getattr(r, name) not in ("", None) for r in rows)}
    for name, info in shown.items():
        text = any(isinstance(getattr(row, name), str) for row in rows)
        table.add_column(info.title or name, justify="left" if text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_text(getattr(row, name)) for name in shown))
    return table


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _tracked(items: Sequence[T], title: str, console: Console | None) -> Iterable[T]:
    return track(items, title, console=console, transient=True) if console else items
