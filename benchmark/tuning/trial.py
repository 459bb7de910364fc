"""One trial of a search: train, and say what the validation split says."""

import time
from collections.abc import Callable

from benchmark.engine.pictures.data import data_root, load_splits
from benchmark.engine.training.process import prepare_process
from benchmark.running.cell import builder, how_it_ended, train_phases, validate
from benchmark.running.loaded import Changed, load
from benchmark.running.loaders import build_loaders
from benchmark.schema.suite import Cell, Suite
from benchmark.schema.tuned import Configuration, Trial


def run_trial(
    on_progress: Callable[[float], None],
    cell: Cell,
    suite: Suite,
    fingerprint: str,
    configuration: Configuration,
    full: bool,
) -> Trial:
    """Train a cell by a suite that has the configuration's recipe and options; nothing is measured but this.

    The test split is not touched. Whatever goes wrong becomes the trial's status and error.

    Args:
        on_progress: called after each epoch with the fraction of training that is done.
        fingerprint: of the cell, as it was asked for.
        full: whether the suite's epochs are all that there are.

    Raises:
        UserError: a file changed after the cell was asked for, so that it is another cell.
    """
    facts = {"configuration": configuration, "full": full, "epochs": suite.recipe.epochs, "seed": cell.seed}
    facts["fingerprint"] = fingerprint
    try:
        prepare_process(suite.device, suite.recipe.precision)
        loaded = load(cell, suite)
        splits = load_splits(loaded.dataset, data_root(), suite.validation, suite.limit)
        loaded.fingerprint(cell, suite, splits.fingerprint, fingerprint)
        method = builder(cell, suite, loaded.dataset.task, loaded.method)()
        loaders = build_loaders(cell, suite, loaded.dataset, splits, method)
        began = time.process_time()
        train_phases(cell, suite, loaders, on_progress, method)
        seconds = time.process_time() - began
        reached = validate(method, loaders["validation"])
    except Changed:
        raise
    except BaseException as reason:
        status, error = how_it_ended(reason)
        return Trial.model_validate(facts | {"status": status, "error": error})
    return Trial.model_validate(facts | {"status": "ok", "validation_top1": reached, "seconds": seconds})
