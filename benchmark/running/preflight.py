"""Everything that would stop a suite, found in seconds and said in one sentence, before anything trains."""

import torch

from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.pictures.data import data_root, load_splits
from benchmark.engine.training.build import build_partition
from benchmark.errors import CannotCut, UserError
from benchmark.schema.suite import TWIN, Suite, cells, load_suite


def preflight(report: object, name: str, methods: tuple[str, ...]) -> tuple[str, int]:
    """Check methods, hardware, data and cuts of a suite.

    Returns:
        The fingerprint of the pictures, and the number of GPUs.

    Raises:
        UserError: what stops the suite, and how to mend it.
    """
    for method in {TWIN, *methods}:
        load_method(method)
    found = hardware_and_data(report, name)
    suite = load_suite(name)
    _check_cuts(suite, {(c.backbone, c.modules) for m in methods for c in cells(name, suite, m)})
    return found


def hardware_and_data(report: object, name: str) -> tuple[str, int]:
    """The same for a suite whose methods shall not be imported here: no method's file is opened.

    Raises:
        UserError: the hardware or the pictures are missing.
    """
    suite = load_suite(name)
    if suite.device == "cuda" and not torch.cuda.is_available():
        raise UserError(f"Suite {name!r} needs a CUDA GPU, and there is none here; `beyond plan {name}` runs anywhere.")
    splits = load_splits(load_dataset(suite.dataset), data_root(), suite.validation, suite.limit)
    return splits.fingerprint, torch.cuda.device_count() if suite.device == "cuda" else 0


def _check_cuts(suite: Suite, wanted: set[tuple[str, int]]) -> None:
    task = load_dataset(suite.dataset).task
    for backbone, k in sorted(wanted):
        try:
            with torch.device("meta"):
                build_partition(suite.backbone(backbone), task, k, suite.balance, seed=0)
        except CannotCut as error:
            raise UserError(f"Backbone {backbone}: {error}") from None
