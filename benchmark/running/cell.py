"""One cell: build it, check it, meter it, train it, and say all of it in one record.

Facts are collected as they become known, so a cell that diverges or breaks still leaves a row that says what
it was and how far it came.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmark import git
from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.measuring.cost import measure_cost
from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.isolation import leaks
from benchmark.engine.measuring.probe import TRAIN_PICTURES, linear_probes
from benchmark.engine.pictures.data import Dataset, Loader, Splits, data_root, load_splits, stratified_order
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import place, prepare_process
from benchmark.engine.training.seeding import derive_seed
from benchmark.engine.training.train import Diverged, Epoch, accuracy, train_phase
from benchmark.errors import UserError, out_of_memory
from benchmark.running.machine import machine
from benchmark.schema.fingerprint import package_versions
from benchmark.schema.plugins import METHODS, file_sha256, plugin_path
from benchmark.schema.record import Accuracy, EpochRow, Provenance, Record, Status
from benchmark.schema.suite import TWIN, Cell, Suite, cell_options, identify

EVALUATION_BATCH = 500
ISOLATION_BATCH = 8


Judge = Callable[[Method], tuple[float, ...]]  # top-1 and top-5 of the trained network on the test split, percent


def run_cell(
    on_progress: Callable[[float], None],
    cell: Cell,
    suite: Suite,
    fingerprint: str,
    splits: Splits | None = None,
    judge: Judge | None = None,
) -> Record:
    """Train, measure and record one cell; whatever goes wrong becomes the record's status and error.

    Args:
        on_progress: called after each epoch with the fraction of training that is done.
        splits: the pictures; loaded as the suite says, if not given.
        judge: who knows the test split; by default `splits` does.
    """
    facts: dict[str, Any] = {}
    status: Status = "ok"
    error = None
    try:
        for name, value in _observe(cell, suite, on_progress, splits, judge):
            facts[name] = value
    except Diverged as reason:
        status, error = "diverged", str(reason)
    except UserError as reason:
        status, error = "oom" if out_of_memory(reason) else "failed", without_paths(str(reason))
    except Exception as reason:
        status, error = "oom" if out_of_memory(reason) else "failed", _sentence(reason)
    return Record(
        identity=identify(cell, suite),
        status=status,
        error=error,
        fingerprint=fingerprint,
        **facts,
    )


def _observe(
    cell: Cell,
    suite: Suite,
    on_progress: Callable[[float], None],
    splits: Splits | None,
    judge: Judge | None,
) -> Iterator[tuple[str, Any]]:
    """All facts of a cell, in the order in which they become known."""
    prepare_process(suite.device)
    dataset = load_dataset(suite.dataset)
    splits = splits or load_splits(dataset, data_root(), suite.validation, suite.limit)
    test = partial(Loader, splits.test, dataset, EVALUATION_BATCH, device=suite.device, train=False)
    judge = judge or (lambda trained: accuracy(trained, test()))
    yield "provenance", provenance(cell, splits, suite.device)

    options = cell_options(suite, cell, load_method(cell.method).variants)
    backbone = suite.backbone(cell.backbone)
    common = (suite, backbone, dataset.task, cell.modules, cell.seed)
    build = partial(build_method, load_method(cell.method), options, *common)
    build_twin = partial(build_method, load_method(TWIN), {}, *common)
    method = build()
    yield "options", vars(method.options)
    yield "cuts", [f.name for f in method.outputs[: cell.modules - 1]]
    yield "labels", labels_consumed(method, len(splits.train))
    yield "isolation", check_isolation(build(), dataset, splits)

    loaders = build_loaders(cell, suite, dataset, splits, method)
    train = partial(_train, cell, suite, loaders, on_progress, judge)
    if not method.phases():  # a network that nobody trains has an accuracy, and no step that could cost
        yield "accuracy", train(method)[0]
        return
    twin = None if cell.method == TWIN else build_twin
    cost = measure_cost(build, twin, suite.recipe, next(loaders["train"].epoch(0)))
    if cost.twin_error:
        cost = cost.model_copy(update={"twin_error": without_paths(cost.twin_error)})
    yield "cost", cost

    accuracies, train_seconds, cuda_peak = train(method)
    yield "cost", cost.model_copy(update={"train_seconds": train_seconds, "cuda_peak_bytes": cuda_peak})
    yield "accuracy", accuracies


def _train(
    cell: Cell,
    suite: Suite,
    loaders: dict[str, Loader],
    on_progress: Callable[[float], None],
    judge: Judge,
    method: Method,
) -> tuple[Accuracy, float, int | None]:
    """Train all phases, then evaluate; returns accuracy, training seconds and the CUDA peak in bytes."""
    device = torch.device(suite.device)
    peak = CudaPeak(device)
    place(method, device)
    torch.manual_seed(derive_seed("noise", cell.suite, cell.seed))  # dropout and the like
    phases = list(method.phases())
    total = sum(max(1, round(suite.recipe.epochs * p.share)) for p in phases)
    rows: list[Epoch] = []

    def on_epoch(row: Epoch) -> None:
        rows.append(row)
        on_progress(len(rows) / total)

    for index, phase in enumerate(phases):
        reads_out = method.last in phase.trains or phase is phases[-1]
        validate = partial(_validate, method, loaders["validation"]) if reads_out else lambda: None
        loader = loaders["train"].restricted(phase.labels_per_class)
        watched = partial(train_phase, index=index, on_epoch=on_epoch, metered=peak.measured)
        watched(method, phase, loader, suite.recipe, validate)
    probes = linear_probes(method, loaders["probe"], loaders["validation"])
    validation = rows[-1].validation_top1 if rows else _validate(method, loaders["validation"])
    test_top1, test_top5 = judge(method)
    reached = Accuracy(
        test_top1=test_top1,
        test_top5=test_top5,
        validation_top1=validation or 0.0,
        probes=[*probes, validation or 0.0],
        curve=[EpochRow(**{**vars(row), "losses": list(row.losses)}) for row in rows],
    )
    return reached, sum(row.seconds for row in rows), peak.bytes


def _validate(method: Method, loader: Loader) -> float:
    return accuracy(method, loader, top=(1,))[0]


def build_loaders(cell: Cell, suite: Suite, dataset: Dataset, splits: Splits, method: Method) -> dict[str, Loader]:
    """Loaders of the splits; the order of training batches hangs on (suite, seed) alone."""
    make = partial(Loader, dataset=dataset, device=suite.device)
    seed = derive_seed("data", cell.suite, cell.seed)
    probe = splits.train.at(stratified_order(splits.train.labels)[:TRAIN_PICTURES])
    return {
        "train": make(splits.train, batch_size=suite.recipe.batch, seed=seed, train=True, views=method.views),
        "validation": make(splits.validation, batch_size=EVALUATION_BATCH, train=False),
        "probe": make(probe, batch_size=EVALUATION_BATCH, train=False),
    }


def check_isolation(method: Method, dataset: Dataset, splits: Splits) -> str:
    """Whether the gradient isolation that a method claims was found when tried."""
    if method.reach is None:
        return "not claimed"
    loader = Loader(splits.train, dataset, ISOLATION_BATCH, train=True, views=method.views)
    return "leaks" if leaks(method, next(loader.epoch(0))) else "verified"


def labels_consumed(method: Method, pictures: int) -> dict[str, int]:
    """Training pictures by the kind of label (full, pairs, none) that was used of them."""
    used: dict[str, int] = {}
    for phase in method.phases():
        few = phase.labels_per_class
        count = pictures if few is None else min(pictures, few * method.task.classes)
        used[phase.labels] = max(count, used.get(phase.labels, 0))
    return used


def provenance(cell: Cell, splits: Splits, device: str) -> Provenance:
    """Where a record comes from; no host name, user or path."""
    return Provenance(
        git_commit=git.commit(),
        git_dirty=git.dirty(),
        method_sha256=file_sha256(plugin_path(METHODS, cell.method)),
        source=splits.source,
        dataset_fingerprint=splits.fingerprint,
        versions=package_versions(),
        threads=torch.get_num_threads(),
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        **machine(device),
    )


def _sentence(error: BaseException) -> str:
    return without_paths(f"{type(error).__name__}: {error}".strip().splitlines()[0])


def without_paths(text: str) -> str:
    """The text with this machine's folders named, not spelt out: records are published."""
    folders = {"$BEYOND_DATA": data_root().absolute(), ".": Path.cwd(), "$PREFIX": Path(sys.prefix), "~": Path.home()}
    for name, folder in folders.items():
        text = text.replace(str(folder), name)
    return text
