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
from benchmark.engine.measuring.isolation import leaks
from benchmark.engine.measuring.probe import TRAIN_PICTURES, linear_probes
from benchmark.engine.pictures.data import Dataset, Loader, Splits, data_root, load_splits, stratified_order
from benchmark.engine.training.build import build_method
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import prepare_process
from benchmark.engine.training.seeding import derive_seed
from benchmark.engine.training.train import Diverged, Epoch, accuracy, train_phase
from benchmark.errors import UserError
from benchmark.running.storable import plain, storable
from benchmark.running.wording import said
from benchmark.schema.fingerprint import package_versions
from benchmark.schema.plugins import METHODS, file_sha256, plugin_path
from benchmark.schema.record import Accuracy, EpochRow, Provenance, Record, Status
from benchmark.schema.suite import TWIN, Cell, Suite, cell_options, identify
from benchmark.schema.text import printable

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
        status, error = "diverged", printable(str(reason))
    except (MemoryError, torch.OutOfMemoryError) as reason:
        status, error = "oom", _sentence(reason)
    except UserError as reason:
        status, error = "failed", printable(without_paths(str(reason)))
    except BaseException as reason:  # also SystemExit: a method ends nothing but its own cell
        status, error = "failed", _sentence(reason)
    return storable(identify(cell, suite), fingerprint, status, error, facts)


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
    yield "options", plain(vars(method.options))
    yield "cuts", [f.name for f in method.outputs[: cell.modules - 1]]
    yield "labels", labels_consumed(method, len(splits.train))
    yield "isolation", check_isolation(build(), dataset, splits)

    loaders = build_loaders(cell, suite, dataset, splits, method)
    batch = next(loaders["train"].epoch(0))
    is_twin = cell.method == TWIN
    cost = measure_cost(build, None if is_twin else build_twin, suite.recipe, batch)
    yield "cost", cost

    train = partial(_train, cell, suite, loaders, on_progress, judge)
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
    method.modules.to(device)
    method.auxiliaries.to(device)
    torch.manual_seed(derive_seed("noise", cell.suite, cell.seed))  # dropout and the like
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
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
        train_phase(method, phase, loader, suite.recipe, validate, index=index, on_epoch=on_epoch)
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    probes = linear_probes(method, loaders["probe"], loaders["validation"])
    test_top1, test_top5 = judge(method)
    reached = Accuracy(
        test_top1=test_top1,
        test_top5=test_top5,
        validation_top1=rows[-1].validation_top1 or 0.0,
        probes=[*probes, rows[-1].validation_top1 or 0.0],
        curve=[EpochRow(**{**vars(row), "losses": list(row.losses)}) for row in rows],
    )
    return reached, sum(row.seconds for row in rows), peak


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
        device=device_name(device),
        threads=torch.get_num_threads(),
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def device_name(device: str) -> str:
    """The model of the GPU or of the processor."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return model or "CPU"


def _sentence(error: BaseException) -> str:
    return printable(without_paths(said(error)))


def without_paths(text: str) -> str:
    """The text with this machine's folders named, not spelt out: records are published."""
    folders = {"$BEYOND_DATA": data_root().absolute(), ".": Path.cwd(), "$PREFIX": Path(sys.prefix), "~": Path.home()}
    for name, folder in folders.items():
        text = text.replace(str(folder), name)
    return text
