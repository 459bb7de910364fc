"""What a suite, or any network, will cost, before anything runs.

All numbers are simulated (`benchmark.engine.measuring.cost`): tensor bytes, never GPU memory, which is more by the
allocator's slack, the kernels' workspaces and the CUDA context. GB are 1e9 bytes.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd
from pydantic import Field
from rich.console import Console

from benchmark.engine.load import dataset_of
from benchmark.engine.measuring.cost import Simulation
from benchmark.planning.footprint import GB
from benchmark.planning.gpus import On
from benchmark.planning.network import MODULES, Network, check_network, methods_asked, recipe_of
from benchmark.planning.simulated import Simulated, Training, simulate_all
from benchmark.planning.speedup import print_speedups
from benchmark.planning.table import Row, print_rows
from benchmark.schema.plugins import METHODS, broken_methods, method_metadata, plugin_ids, plugin_path
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import PROTOCOL, TWIN, Cell, Suite, cell_options, cells, load_suite
from benchmark.schema.text import write_text

DECIMALS = {"peak_gb": 3, "peak_ratio": 3, "saved_gb": 3, "step_gflops": 1, "flops_ratio": 3}
SHOWN = {
    **{"name": "method", "modules": "K", "peak_gb": "peak GB", "peak_ratio": "×", "saved_gb": "saved GB"},
    **{"step_gflops": "GFLOP", "flops_ratio": "×", "auxiliary_millions": "aux. M", "hours": "hours"},
}
LEGEND = (
    "Of one training step; simulated, never GPU memory. peak: all live tensors; saved: what autograd keeps for the "
    "backward pass; ×: over end-to-end backpropagation; aux. M: million parameters that are thrown away afterwards."
)


class PlanRow(Row):
    """The predicted cost of one (method, variant, backbone, K); no numbers where it cannot be had."""

    method: str
    variant: str = ""
    backbone: str
    modules: int
    peak_gb: float | None = None
    peak_ratio: float | None = None
    saved_gb: float | None = None
    step_gflops: float | None = None
    flops_ratio: float | None = None
    parameters: int | None = None
    auxiliary_parameters: int | None = None
    note: str = ""
    protocol: int = 0  # of the engine whose numbers these are; a row that does not say it is as good as none
    hours: str = Field(default="", exclude=True)  # on a GPU that was asked for

    @property
    def auxiliary_millions(self) -> float | None:
        """Of parameters."""
        return None if self.auxiliary_parameters is None else self.auxiliary_parameters / 1e6


def trainings_of(name: str, methods: Sequence[str] | None = None) -> list[Training]:
    """All that a suite trains, by all of its methods or by these, one for all seeds and tasks.

    Raises:
        UserError: there is no such suite, or no such method.
    """
    suite = load_suite(name)
    first = next(iter(suite.seeds))  # of one protocol: its cells differ from the others' in seeds and recipe alone
    task = next(iter(suite.tasks or [None]))  # of several tasks, which all cost the same on one network
    every = [cell for method in methods or plugin_ids(METHODS, broken_methods()) for cell in cells(name, suite, method)]
    alike = [cell for cell in every if cell.protocol == first and not cell.seed and not cell.times]
    return [_training(suite, cell) for cell in alike if suite.backbone(cell.backbone).task == task]


def plan_suite(
    name: str, console: Console | None = None, jobs: int | None = None, methods: Sequence[str] | None = None
) -> list[PlanRow]:
    """Predicted cost of all that a suite trains, one row for all seeds; or by these methods and the twin alone.

    Raises:
        UserError: there is no such suite, or no such method.
    """
    asked = None if methods is None else list(dict.fromkeys([TWIN, *methods]))
    return _in_order(name, plan(trainings_of(name, asked), f"Planning {name}", console, jobs))


def _in_order(name: str, rows: Iterable[PlanRow]) -> list[PlanRow]:
    """By backbone as the suite has them, the twin first; else as they came."""
    place = {backbone.key: i for i, backbone in enumerate(load_suite(name).backbones)}
    return sorted(rows, key=lambda row: (place.get(row.backbone, len(place)), row.method != TWIN))


def _training(suite: Suite, cell: Cell) -> Training:
    variants = method_metadata(plugin_path(METHODS, cell.method))["variants"]
    return Training(
        method=cell.method,
        variant=cell.variant,
        options=cell_options(suite, cell, variants),
        backbone=suite.backbone(cell.backbone),
        balance=suite.balance,
        recipe=suite.recipe,
        task=dataset_of(suite, cell.backbone).task,
        modules=cell.modules,
        batch=suite.recipe.batch,
    )


def plan_network(
    network: Network, batch: int, methods: Iterable[str], console: Console | None = None, jobs: int | None = None
) -> list[PlanRow]:
    """Predicted cost of every method on a network, those with the least memory first."""
    rows = plan(list(network.trainings(methods, MODULES, batch)), f"Planning {network.backbone}", console, jobs)
    return sorted(rows, key=lambda row: (row.peak_gb is None, row.peak_gb))


def plan(
    trainings: Sequence[Training], title: str, console: Console | None = None, jobs: int | None = None
) -> list[PlanRow]:
    """A row a training; ratios are to the twin's of the same backbone."""
    found = simulate_all(trainings, title, console, jobs)
    pairs = list(zip(trainings, found, strict=True))
    twins = {one.backbone.key: made.cost for one, made in pairs if one.method == TWIN and made.cost}
    return [_row(one, made, twins.get(one.backbone.key)) for one, made in pairs]


def _row(training: Training, made: Simulated, twin: Simulation | None) -> PlanRow:
    row = PlanRow(
        method=training.method,
        variant=training.variant,
        backbone=training.backbone.key,
        modules=training.modules,
        note=made.note,
        protocol=PROTOCOL,
    )
    cost = made.cost
    if cost is None:
        return row
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


def _with_hours(rows: Iterable[PlanRow], on: On, recipe: Recipe) -> list[PlanRow]:
    return [
        row.model_copy(update={"hours": on.said(row.step_gflops and 1e9 * row.step_gflops, recipe)}) for row in rows
    ]


def print_plan(
    name: str,
    console: Console,
    save_to: Path | None = None,
    jobs: int | None = None,
    on: On | None = None,
    methods: Sequence[str] | None = None,
) -> None:
    """Print what a suite will cost; ``save_to`` is a folder for ``<suite>.csv``, which the dashboard shows.

    Of some ``methods`` alone, the others' rows in that file stay as they are.

    Raises:
        UserError: there is no such suite, or no such method.
    """
    on, recipe = on or On(), load_suite(name).recipe
    on.check(recipe.precision)
    rows = plan_suite(name, console, jobs, methods)
    batch = recipe.batch
    for backbone, part in groupby(rows, lambda row: row.backbone):
        print_rows(_with_hours(part, on, recipe), SHOWN, f"{name}: {backbone}, batch {batch:,}", console)
    console.print(LEGEND, style="dim", highlight=False)
    on.explain(recipe.precision, console)
    if save_to:
        _save(name, rows, save_to / f"{name}.csv", others_stay=methods is not None)


def _save(name: str, rows: Sequence[PlanRow], path: Path, others_stay: bool) -> None:
    made = {row.method for row in rows}
    kept = [row for row in _read(path) if row.method not in made] if others_stay else []
    by_method = sorted([*rows, *kept], key=lambda row: row.method)
    columns = [field for field in PlanRow.model_fields if field != "hours"]
    table = pd.DataFrame([row.model_dump() for row in _in_order(name, by_method)], columns=columns)
    table["parameters"] = table["parameters"].astype("Int64")  # some rows have none
    table["auxiliary_parameters"] = table["auxiliary_parameters"].astype("Int64")
    write_text(table.round(DECIMALS).to_csv(index=False), path)


def _read(path: Path) -> list[PlanRow]:
    """The rows of a plan that was saved; none where there is no file."""
    if not path.is_file():
        return []
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    return [PlanRow.model_validate({k: v for k, v in row.items() if v}) for row in rows]


def print_network(
    backbone: str,
    image: int,
    batch: int,
    methods: Sequence[str] | None,
    console: Console,
    jobs: int | None = None,
    on: On | None = None,
) -> None:
    """Print what every method will cost on a network that no suite names.

    Raises:
        UserError: the network cannot be built or cut, or a number is none.
    """
    network, on, recipe = Network(backbone, image), on or On(), recipe_of(batch)
    on.check(recipe.precision)
    check_network(network, batch)
    rows = _with_hours(plan_network(network, batch, methods_asked(methods), console, jobs), on, recipe)
    print_rows(rows, SHOWN, f"{backbone}, {image} x {image}, batch {batch:,}", console)
    console.print(LEGEND, style="dim", highlight=False)
    on.explain(recipe.precision, console)


def print_speed(
    suite: str | None, backbone: str | None, image: int, batch: int, methods: Sequence[str] | None, console: Console
) -> None:
    """Print what training modules at the same time would gain, on a suite's networks or on one that none names.

    Raises:
        UserError: there is no such suite or method, the network cannot be built or cut, or a number is none.
    """
    if suite:
        found = trainings_of(suite, methods)
        for key, part in groupby(sorted(found, key=lambda one: one.backbone.key), lambda one: one.backbone.key):
            print_speedups(list(part), f"{suite}: {key}", console)
    elif backbone:
        network = Network(backbone, image)
        check_network(network, batch)
        asked = methods_asked(methods)
        print_speedups(list(network.trainings(asked, MODULES, batch)), f"{backbone}, batch {batch:,}", console)
