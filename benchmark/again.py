"""Train one committed cell again, its method's file in the sandbox, and judge it from outside.

The stranger's process gets the training and validation pictures. When it says that it has trained, it gets the test
pictures without their labels, ranks the classes, and this process counts the hits.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.engine.cell import load_dataset
from benchmark.engine.data import Splits, data_root, load_splits
from benchmark.engine.train import hit_rates
from benchmark.plugins import DATASETS, METHODS, plugin_path
from benchmark.record import Record
from benchmark.sandbox import GIB, Ending, Limits, protections, run_sandboxed
from benchmark.suite import TWIN, Cell, Suite, identify

WORKER = "benchmark.again_worker"
JOB, PICTURES, EXAM, ANSWERS = Path("job.json"), Path("pictures.pt"), Path("exam.pt"), Path("answers.npy")
MEMORY = 12 * GIB
CRASH_STATUS = {"timeout": "timeout", "memory": "oom"}


def train_again(report: Callable[[float], None], cell: Cell, suite: Suite, folder: Path) -> tuple[Record, list[str]]:
    """The record of a second training, its test accuracy counted here, and the protections that were on.

    Args:
        report: called with the fraction of training that is done.
        folder: where to make the scratch folder.

    Raises:
        UserError: the suite's pictures are missing.
    """
    splits = load_splits(load_dataset(suite.dataset), data_root(), suite.validation, suite.limit)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        _pack(scratch, cell, suite, splits)
        told: dict[str, Any] = {}

        def listen(message: dict[str, Any]) -> None:
            told.update(message)
            if isinstance(message.get("progress"), float):
                report(message["progress"])
            if message.get("trained") and not (scratch / EXAM).exists():
                _hand_out(splits.test.images, scratch / EXAM)

        cuda = suite.device == "cuda"
        limits = Limits(60 * suite.timeout_minutes, MEMORY, None if cuda else 2 * MEMORY)
        ending = run_sandboxed(WORKER, [], scratch=scratch, limits=limits, on_message=listen, gpu=cuda)
        record = _record(told, ending, cell, suite)
        if record.accuracy:
            record = _judged(record, _answers(scratch / ANSWERS), splits.test.labels)
    return record, [p.name for p in protections() if p.available]


def _pack(scratch: Path, cell: Cell, suite: Suite, splits: Splits) -> None:
    """All that the second training needs, and nothing of the test split."""
    files = [plugin_path(METHODS, m) for m in {cell.method, TWIN}] + [plugin_path(DATASETS, suite.dataset)]
    for file in files:
        (scratch / file).parent.mkdir(exist_ok=True)
        shutil.copy(file, scratch / file)
    job = {"cell": cell.model_dump(), "suite": suite.model_dump(mode="json"), "fingerprint": splits.fingerprint}
    (scratch / JOB).write_text(json.dumps(job | {"source": splits.source}))
    parts = {"train": splits.train, "validation": splits.validation}
    torch.save({name: (part.images, part.labels) for name, part in parts.items()}, scratch / PICTURES)


def _hand_out(images: Tensor, path: Path) -> None:
    """Write the test pictures where the waiting process looks for them: whole or not at all."""
    torch.save(images, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def _record(told: dict[str, Any], ending: Ending, cell: Cell, suite: Suite) -> Record:
    """What the process says of its training; where it says nothing valid, how it ended."""
    try:
        record = Record.model_validate(told["record"])
    except (KeyError, ValueError):
        status = CRASH_STATUS.get(ending.how, "failed")
        sentence = ending.sentence if ending.how != "done" else "It ended without a record."
        return Record(identity=identify(cell, suite), status=status, error=sentence, fingerprint="")  # type: ignore[arg-type]
    return record


def _answers(path: Path) -> Tensor | None:
    """The ranked classes (N, n) that the process left; none if that is no such table."""
    try:
        ranked = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return torch.from_numpy(ranked).long() if ranked.ndim == 2 and ranked.dtype == np.int64 else None


def _judged(record: Record, ranked: Tensor | None, labels: Tensor) -> Record:
    """The record with the test accuracy that was counted here, whatever it said itself."""
    if record.accuracy is None or ranked is None or len(ranked) != len(labels):
        return record.model_copy(update={"status": "failed", "accuracy": None, "error": "It gave no answers."})
    top1, top5 = hit_rates(ranked, labels)
    accuracy = record.accuracy.model_copy(update={"test_top1": top1, "test_top5": top5})
    return record.model_copy(update={"accuracy": accuracy})
