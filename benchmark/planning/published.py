"""How far simulated memory is from the GPU memory that papers print (`beyond plan --published`)."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmark.engine.load import load_method
from benchmark.engine.measuring.cost import simulate
from benchmark.engine.pictures.data import Task
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.planning.footprint import GB
from benchmark.planning.network import CIFAR, IMAGENET
from benchmark.planning.table import Row, print_rows
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import CHECKPOINTING, TWIN, Backbone, Suite

PUBLISHED = Path("results/published.csv")
SECOND_HAND = "second-hand"  # in the note of a figure that we have not read in its own paper
SHOWN = {
    **{"name": "method", "modules": "K", "batch": "batch", "published_gb": "paper, GB", "simulated_gb": "here, GB"},
    **{"deviation": "%", "published_ratio": "paper, ×", "simulated_ratio": "here, ×"},
}


class CheckRow(Row):
    """A simulated peak beside the one that a paper measured on its GPUs."""

    backbone: str
    cuts: str
    batch: int  # pictures a GPU
    published_gb: float
    simulated_gb: float
    deviation: float  # percent
    published_ratio: float  # over end-to-end backpropagation's
    simulated_ratio: float
    remark: str = ""


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

    @property
    def recipe(self) -> Recipe:
        """Of which only the batch counts."""
        return Recipe(epochs=1, batch=self.batch, lr=0.1)

    def build(self) -> Method:
        """The method on the setting's network."""
        cuts = {self.modules: list(self.cuts)} if self.cuts else {}
        backbone = Backbone(name=self.backbone, cuts=cuts)
        suite = Suite.model_construct(balance="units")
        return build_method(load_method(self.method), self.options, suite, backbone, self.task, self.modules, 0)


R110 = ("CIFAR-10", "ResNet-110")
INFOPRO_NOTE = "the authors' memory-balanced cuts (InfoPro*)"
IMAGENET_NOTE = "the authors' cut, head and decoder"
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
    _cifar(TWIN, TWIN, 1),
    _cifar(CHECKPOINTING, CHECKPOINTING, 7, row=1, note=SQRT_NOTE),
    _cifar(CHECKPOINTING, CHECKPOINTING, 4, row=1, note=FITTED_NOTE),
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
    for setting in _tracked(list(settings), console):
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
                remark=setting.note,
            )
        )
    return rows


def _simulated_peak(setting: Setting) -> tuple[Method, int]:
    """The method as it was simulated, and its peak in bytes."""
    method = setting.build()
    return method, simulate(lambda: method, setting.recipe, setting.task, setting.batch).peak_bytes


def published_memory() -> dict[tuple[str, str, str, int], float]:
    """GB by (method, data set, backbone, K), of the rows of results/published.csv whose own paper was read."""
    with PUBLISHED.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["metric"] == "memory_gb" and SECOND_HAND not in row["note"]]
    return {(r["method"], r["dataset"], r["backbone"], int(r["modules"])): float(r["value"]) for r in rows}


def print_published_check(console: Console) -> None:
    """Print simulated peaks beside the papers' GPU memory, a table a backbone."""
    for backbone, rows in groupby(published_check(console=console), lambda row: row.backbone):
        part = list(rows)
        print_rows(part, SHOWN, f"{backbone}: simulated tensor bytes beside a paper's GPU memory", console)
        for row in part:
            if said := "; ".join(filter(None, (f"cut after {row.cuts}" if row.cuts else "", row.remark))):
                console.print(f"{row.name}, K = {row.modules}: {said}", style="dim", highlight=False, markup=False)


def _tracked(settings: Sequence[Setting], console: Console | None) -> Iterable[Setting]:
    return track(settings, "Simulating published trainings", console=console, transient=True) if console else settings
