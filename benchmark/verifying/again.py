"""Train one committed cell again, its method's file in the sandbox, and judge it from outside.

The stranger's process gets the training and validation pictures. When it says that it has trained, it gets the test
pictures without their labels, ranks the classes, and this process counts the hits.
"""

import io
import json
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.engine.load import load_dataset
from benchmark.engine.pictures.data import Splits, data_root, load_splits
from benchmark.engine.training.train import hit_rates
from benchmark.sandbox.run import GIB, Ending, Limits, protections, run_sandboxed
from benchmark.sandbox.scratch import scratch_folder
from benchmark.schema.plugins import DATASETS, METHODS, plugin_path
from benchmark.schema.record import Record, Status
from benchmark.schema.suite import TWIN, Cell, Suite, identify
from benchmark.schema.text import printable

WORKER = "benchmark.verifying.again_worker"
JOB, PICTURES, EXAM, ANSWERS = Path("job.json"), Path("pictures.pt"), Path("exam.pt"), Path("answers.npy")
STEP = 1e-4  # of the training: a flood of progress is not passed on
MOST = 5  # ranked classes a picture
HEADER = 4096  # bytes, at most, before the table of the answers
MEMORY = 12 * GIB
CRASH_STATUS: dict[str, Status] = {"timeout": "timeout", "memory": "oom"}


def train_again(report: Callable[[float], None], cell: Cell, suite: Suite, folder: Path) -> tuple[Record, list[str]]:
    """The record of a second training, and the protections that were on.

    Test accuracy is counted here; the rest (cut points, parameters, memory) is what the process says of itself, so a
    file that is made to forge that can: a person reads it before anybody believes it.

    Args:
        report: called with the fraction of training that is done.
        folder: where to make the scratch folder.

    Raises:
        UserError: the suite's pictures are missing.
    """
    splits = load_splits(load_dataset(suite.dataset), data_root(), suite.validation, suite.limit)
    with scratch_folder(folder) as place:
        scratch, spare = place / "scratch", place / EXAM  # the stranger reaches the former only
        scratch.mkdir()
        _pack(scratch, cell, suite, splits)
        torch.save(splits.test.images, spare)
        listener = _Listener(report, lambda: os.replace(spare, scratch / EXAM))
        cuda = suite.device == "cuda"
        limits = Limits(60 * suite.timeout_minutes, MEMORY, None if cuda else 2 * MEMORY)
        ending = run_sandboxed(WORKER, [], scratch=scratch, limits=limits, on_message=listener.hear, gpu=cuda)
        record = _record(listener.record, ending, cell, suite)
        if record.accuracy:
            record = _judged(record, _answers(scratch / ANSWERS, len(splits.test.labels)), splits.test.labels)
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


class _Listener:
    """Hears a process that can say anything, and of that only its progress, that it has trained, and a record."""

    def __init__(self, report: Callable[[float], None], hand_out: Callable[[], object]) -> None:
        self.report, self.hand_out = report, hand_out
        self.reported = 0.0
        self.record: object = None

    def hear(self, message: dict[str, Any]) -> None:
        """A message of the process."""
        match message:
            case {"progress": float(done)} if self.reported + STEP <= done <= 1:
                self.reported = done
                self.report(done)
            case {"trained": True}:
                with suppress(OSError):  # the exam is handed out already, or something else lies in its place
                    self.hand_out()
            case {"record": record}:
                self.record = record


def _record(said: object, ending: Ending, cell: Cell, suite: Suite) -> Record:
    """What the process says of its training; where it says nothing valid, how it ended."""
    try:
        record = Record.model_validate(said)
        record.model_dump_json()  # half a character, or a thousand lists in each other, could not be written later
    except ValueError:
        sentence = ending.sentence if ending.how != "done" else "It ended without a record."
        return _failed(CRASH_STATUS.get(ending.how, "failed"), sentence, cell, suite)
    error = None if record.error is None else printable(record.error)
    origin = record.provenance
    if origin:
        origin = origin.model_copy(update={"device": printable(origin.device)})
    return record.model_copy(update={"identity": identify(cell, suite), "error": error, "provenance": origin})


def _failed(status: Status, sentence: str, cell: Cell, suite: Suite) -> Record:
    return Record(identity=identify(cell, suite), status=status, error=printable(sentence), fingerprint="")


def _answers(path: Path, pictures: int) -> Tensor | None:
    """The ranked classes (N, n) that the process left; none if that is no such table, or no plain file.

    No more is read than so many pictures can take, and no memory is asked for because a header promises more.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            plain = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            content = io.BytesIO(file.read(HEADER + 8 * MOST * pictures) if plain else b"")
        np.lib.format.read_magic(content)
        shape, by_columns, kind = np.lib.format.read_array_header_1_0(content)
        ranked = np.frombuffer(content.read(), np.int64)
    except Exception:  # whatever a stranger's bytes can bring numpy to raise
        return None
    table = len(shape) == 2 and not by_columns and kind == np.int64 and ranked.size == shape[0] * shape[1]
    return torch.from_numpy(ranked.reshape(shape).copy()) if table and min(shape) > 0 else None


def _judged(record: Record, ranked: Tensor | None, labels: Tensor) -> Record:
    """The record with the test accuracy that was counted here, whatever it said itself."""
    if record.accuracy is None or ranked is None or len(ranked) != len(labels):
        return record.model_copy(update={"status": "failed", "accuracy": None, "error": "It gave no answers."})
    top1, top5 = hit_rates(ranked, labels)
    accuracy = record.accuracy.model_copy(update={"test_top1": top1, "test_top5": top5})
    return record.model_copy(update={"accuracy": accuracy})
