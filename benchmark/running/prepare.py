"""Find out, on a processor, what is the same for all cells of a row: see :class:`benchmark.running.row.Known`."""

import torch

from benchmark.engine.load import load_method
from benchmark.engine.measuring.cost import simulate_both
from benchmark.engine.measuring.world import World
from benchmark.engine.pictures.data import data_root, load_splits
from benchmark.engine.training.process import prepare_process
from benchmark.running.cell import builder, check_isolation
from benchmark.running.loaded import load
from benchmark.running.loaders import build_loaders
from benchmark.running.origin import without_paths
from benchmark.running.row import Known
from benchmark.schema.suite import TWIN, Cell, Suite

FEW = 16  # pictures on which isolation is tried for a suite of GPUs: it hangs on what is connected, not on how many


def prepare(report: object, cell: Cell, suite: Suite) -> Known | None:
    """What is known of a cell's row; nothing where nobody trains it.

    Raises:
        UserError: the cell cannot be built or simulated; it says so itself.
    """
    prepare_process("cpu", suite.recipe.precision)
    loaded = load(cell, suite)
    task, recipe = loaded.dataset.task, suite.recipe
    build = builder(cell, suite, task, loaded.method)
    method = build()
    if not method.phases():
        return None
    splits = load_splits(loaded.dataset, data_root(), suite.validation, suite.limit)
    few = recipe if suite.device == "cpu" else recipe.changed({"batch": min(FEW, recipe.batch), "parts": 1})
    here = suite.model_copy(update={"device": "cpu", "recipe": few})

    def fresh() -> World:
        again = builder(cell, suite, task, load_method(cell.method))()
        return World(again, few, torch.device("cpu"))

    isolation = check_isolation(method, fresh, build_loaders(cell, here, loaded.dataset, splits, method)["train"])
    twin = None if cell.method == TWIN else builder(cell, suite, task, loaded.twin, {})
    cost = simulate_both(build, twin, recipe, task, recipe.batch, suite.recipe_of_twin)
    error = without_paths(cost.twin_error) if cost.twin_error else None
    return Known(isolation, vars(cost.own), cost.peak_ratio, cost.flops_ratio, error)
