"""Train one committed cell again, its method's file in the sandbox, and judge it from outside.

The stranger's process gets the training and validation pictures; where these stay in their files, it may read those
and no others (:mod:`benchmark.verifying.handing`). When it says that it has trained, its weights are
taken, and only then it gets the test pictures, without their labels and in an order that nobody could foretell; this
process undoes the order and counts the hits.

Then a second process gets the weights and some of the test pictures, alone and in other company: what it says must be
what the first one said. It has not trained, has not seen the other pictures, and nothing passes between the two but
weights that were taken before any test picture was shown; so answers that hang on the pictures' order, on their
neighbours or on earlier calls come out differently, whatever the file does.
"""

import io
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from benchmark.engine.load import dataset_of
from benchmark.engine.measuring.company import THROWN_AWAY, dependence, other_company, unforeseeable
from benchmark.engine.pictures.data import Splits, data_root, load_splits
from benchmark.engine.training.evaluate import finite, hit_rates
from benchmark.engine.training.tf32 import set_tf32
from benchmark.engine.training.train import Diverged
from benchmark.running.loaders import EVALUATION_BATCH
from benchmark.running.origin import provenance
from benchmark.sandbox.run import GIB, Ending, Limits, protections, run_sandboxed
from benchmark.sandbox.scratch import scratch_folder
from benchmark.schema.plugins import DATASETS, METHODS, file_sha256, plugin_path
from benchmark.schema.record import Record, Status
from benchmark.schema.suite import TWIN, Cell, Suite, identify
from benchmark.schema.text import printable
from benchmark.verifying.handing import PACK, exam_bytes, exam_of, handed, trained_on

WORKER = "benchmark.verifying.again_worker"
JOB, PICTURES, EXAM = Path("job.json"), Path("pictures.pt"), Path("exam.pt")
WEIGHTS, ANSWERS = Path("weights.pt"), Path("answers.npy")
SECOND = "second"  # asks the worker to predict from weights
SECONDS = 300.0  # for that
STEP = 1e-4  # of the training: a flood of progress is not passed on
HEADER = 4096  # bytes, at most, before the table of the answers
MEMORY, LARGEST = 12 * GIB, 4 * GIB  # bytes: of the process, of a file that it writes
CRASH_STATUS: dict[str, Status] = {"timeout": "timeout", "memory": "oom"}


def train_again(report: Callable[[float], None], cell: Cell, suite: Suite, folder: Path) -> tuple[Record, list[str]]:
    """The record of a second training, and the protections that were on.

    Test accuracy is counted here; the rest (cut points, parameters, memory) is what the process says of itself, so a
    file that is made to forge that can: a person reads it before anybody believes it.

    Args:
        report: called with the fraction of training that is done.
        folder: where to make the scratch folders.

    Raises:
        UserError: the suite's pictures are missing.
    """
    set_tf32(suite.recipe.precision)  # in the sandbox, too: the record says so
    splits = load_splits(dataset_of(suite, cell.backbone), data_root(), suite.validation, suite.limit)
    sha256 = file_sha256(plugin_path(METHODS, cell.method))
    with scratch_folder(folder) as place:
        trial = _Trial(place, cell, suite, splits)
        record = trial.training(report)
        if record.accuracy:
            record = trial.judged(record)
    record = record.model_copy(update={"provenance": provenance(sha256, splits, suite)})  # not as it says itself
    return record, [p.name for p in protections() if p.available]


class _Trial:
    """One cell before its examiners; the stranger reaches the scratch folder of each of its two processes, no more."""

    def __init__(self, folder: Path, cell: Cell, suite: Suite, splits: Splits) -> None:
        self.cell, self.suite, self.splits = cell, suite, splits
        self.first, self.second, self.weights = folder / "first", folder / "second", folder / WEIGHTS
        self.cuda = suite.device == "cuda"
        self.dataset, self.handed_out = dataset_of(suite, cell.backbone), False
        self.order = torch.randperm(len(splits.test), generator=unforeseeable())

    def training(self, report: Callable[[float], None]) -> Record:
        """Let it train and sit the exam: all test pictures, shuffled. What it says of itself."""
        self._furnish(self.first)
        parts = {"train": self.splits.train, "validation": self.splits.validation}
        torch.save({name: handed(part) for name, part in parts.items()}, self.first / PICTURES)
        readable = trained_on(self.splits)
        listener = _Listener(report, self._hand_out)
        ending = self._run(self.first, [], 60 * self.suite.timeout_minutes, listener.hear, readable)
        return _record(listener.record, ending, self.cell, self.suite)

    def judged(self, record: Record) -> Record:
        """The record with the accuracy that was counted here, or with why there is none."""
        labels = self.splits.test.labels
        try:
            shuffled = finite(_answers(self.first / ANSWERS, len(labels), self.dataset.task.classes), "test")
            found = torch.empty_like(shuffled).index_copy_(0, self.order, shuffled)
            self._examine_alone(found)
        except Diverged as reason:
            return _failed("diverged", str(reason), self.cell, self.suite)
        except _Refused as reason:
            return _failed(reason.status, str(reason), self.cell, self.suite)
        top1, top5 = hit_rates(found, labels)
        assert record.accuracy is not None
        accuracy = record.accuracy.model_copy(update={"test_top1": top1, "test_top5": top5})
        return record.model_copy(update={"accuracy": accuracy})

    def _hand_out(self) -> None:
        """Take the weights, then show the test pictures; once, as weights of later could know them."""
        if self.handed_out:
            return
        self.handed_out = True
        _take(self.first / WEIGHTS, self.weights)
        self._write_exam(self.first, self.order.split(EVALUATION_BATCH))

    def _examine_alone(self, found: Tensor) -> None:
        """Whether a process that has the weights alone says the same in other company.

        Raises:
            _Refused: it does not.
        """
        if not self.weights.exists():
            raise _Refused("failed", "It gave no weights.")
        self._furnish(self.second)
        shutil.move(self.weights, self.second / WEIGHTS)
        batches = other_company(len(found), unforeseeable())
        self._write_exam(self.second, batches)
        ending = self._run(self.second, [SECOND], SECONDS, lambda message: None)
        if ending.how != "done":
            raise _Refused(CRASH_STATUS.get(ending.how, "failed"), f"From its weights: {ending.sentence}")
        places = torch.cat(batches)
        again = _answers(self.second / ANSWERS, len(places), self.dataset.task.classes)
        if again.isnan().any():
            raise _Refused("failed", THROWN_AWAY)
        if fault := dependence(found, again, places, "test"):
            raise _Refused("failed", fault)

    def _run(
        self,
        scratch: Path,
        arguments: list[str],
        seconds: float,
        hear: Callable[[dict[str, Any]], None],
        readable: Sequence[Path] = (),
    ) -> Ending:
        address_space = None if self.cuda else 2 * MEMORY
        limits = Limits(seconds, MEMORY, address_space, LARGEST, written=2 * LARGEST + exam_bytes(self.splits.test))
        confined = partial(run_sandboxed, WORKER, arguments, scratch=scratch, readable=readable, gpu=self.cuda)
        return confined(limits=limits, on_message=hear)

    def _write_exam(self, scratch: Path, batches: Sequence[Tensor]) -> None:
        """Show pictures of the test split in these batches; the files come into their places whole."""
        spare, pack = scratch.with_suffix(".exam"), scratch.with_suffix(".pack")  # out of the stranger's reach
        shown = exam_of(self.splits.test, torch.cat(list(batches)), pack)
        torch.save(shown | {"sizes": [len(batch) for batch in batches]}, spare)
        if pack.exists():
            os.replace(pack, scratch / PACK)
        os.replace(spare, scratch / EXAM)

    def _furnish(self, scratch: Path) -> None:
        """What both processes need: the plugins' files and the job."""
        files = [plugin_path(METHODS, m) for m in {self.cell.method, TWIN}]
        for file in [*files, plugin_path(DATASETS, self.suite.dataset)]:
            (scratch / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, scratch / file)
        job = {"cell": self.cell.model_dump(), "suite": self.suite.model_dump(mode="json")}
        origin = {"fingerprint": self.splits.fingerprint, "source": self.splits.source}
        (scratch / JOB).write_text(json.dumps(job | origin), encoding="utf-8")


class _Refused(Exception):
    """There is no accuracy to count; the message says why."""

    def __init__(self, status: Status, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


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


@contextmanager
def _plain_file(path: Path) -> Iterator[IO[bytes]]:
    """A stranger's file, open for reading; links are not followed, and a pipe is not waited for.

    Raises:
        OSError: it is no plain file, or larger than one may be.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise OSError(f"{path.name} is no plain file of at most {LARGEST} bytes")
        yield file


def _take(path: Path, to: Path) -> None:
    """A copy of what a stranger left, where it cannot reach it any more; none if that is no plain file."""
    with suppress(OSError), _plain_file(path) as file, open(to, "wb") as copy:
        shutil.copyfileobj(file, copy)


def _answers(path: Path, pictures: int, classes: int) -> Tensor:
    """The logits (pictures, classes) that the process left.

    No more is read than so many pictures can take, and no memory is asked for because a header promises more.

    Raises:
        _Refused: that is no such table, or no plain file.
    """
    try:
        with _plain_file(path) as file:
            content = io.BytesIO(file.read(HEADER + 4 * classes * pictures))
        np.lib.format.read_magic(content)
        shape, by_columns, kind = np.lib.format.read_array_header_1_0(content)
        found = np.frombuffer(content.read(), np.float32)
    except Exception as error:  # whatever a stranger's bytes can bring numpy to raise
        raise _Refused("failed", "It gave no answers.") from error
    if (shape, by_columns, kind, found.size) != ((pictures, classes), False, np.float32, pictures * classes):
        raise _Refused("failed", "It gave no answers.")
    return torch.from_numpy(found.reshape(shape).copy())
