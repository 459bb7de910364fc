"""The record of one cell: the only thing that tables and the dashboard ever read.

One JSON file a cell, in ``results/runs/<suite>/<method>/``. Numbers are finite or null, never NaN. There is
no host name, user or path in it. ``fingerprint`` says what the numbers were made from, ``digest`` what the
record said when it was written, so a hand-edited file is noticed. A record is never written again for the sake
of a newer schema: a field that comes later is :func:`added`.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.errors import UserError
from benchmark.schema.text import printable, read_bytes, write_text

EXACT = 9  # decimals of means over seeds: what is left of equal ones after sums in another order is no difference
LARGEST = 2**26  # bytes of a record: one of many thousand epochs has a few million
Status = Literal["ok", "diverged", "oom", "timeout", "failed"]


class Part(BaseModel):
    """Base of all pieces of a record: unknown fields and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


P = TypeVar("P", bound=Part)


def added() -> Any:
    """A field that older records lack: null by default, and then neither in the file nor under the digest."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Identity(Part):
    """Which cell this is."""

    suite: str
    dataset: str
    backbone: str
    stem: str
    method: str
    variant: str = ""  # a named option set of the method, where it has several
    family: str
    modules: int  # K
    seed: int
    protocol: int  # version of the engine's numbers
    recipe: Literal["tuned", "paper"] | None = added()  # whose recipe trained it; null: the suite's, shared by all
    times: float | None = added()  # multiple of the suite's epochs, of a reference; null: 1

    @property
    def file_stem(self) -> str:
        """File name without its suffix, unique within (suite, method)."""
        variant = f"-{self.variant}" if self.variant else ""
        recipe = f"-{self.recipe}" if self.recipe else ""
        times = f"-x{self.times:g}" if self.times else ""
        return f"{self.backbone}-k{self.modules}{variant}-s{self.seed}{recipe}{times}"

    @property
    def path(self) -> Path:
        """Where the cell's file stands below a folder of records, or of outcomes of ``beyond verify``."""
        return Path(self.suite, self.method, f"{self.file_stem}.json")

    @property
    def setting(self) -> str:
        """What a person reads of its row within the suite, such as ``dgl resnet50 K=4 tuned``."""
        variant = f"/{self.variant}" if self.variant else ""
        words = [f"{self.method}{variant}", self.backbone, f"K={self.modules}", self.recipe]
        return " ".join(filter(None, [*words, f"{self.times:g} x epochs" if self.times else None]))


class EpochRow(Part):
    """One row of the learning curve."""

    phase: int
    epoch: int
    losses: list[float]  # mean of each loss that the method yields
    lr: float
    seconds: float  # training only
    validation_top1: float | None  # percent


class Accuracy(Part):
    """What the network learned; percent. Last epoch, and the test split was touched once."""

    test_top1: float
    test_top5: float
    validation_top1: float
    probes: list[float]  # validation accuracy of a linear probe on each module's output; last: the network
    curve: list[EpochRow]


class Cost(Part):
    """What training costs. Ratios are to the end-to-end twin: same backbone, batch and machine.

    A ratio is null where the twin could not be had; ``twin_error`` then says why.
    """

    parameters: int  # deployed
    auxiliary_parameters: int  # thrown away after training
    peak_bytes: int  # simulated tensor bytes at the peak of a training step, never called GPU memory
    peak_ratio: float | None
    saved_bytes: int  # peak bytes saved for backward
    step_flops: int  # of one training step; phases weighted by their share of the epochs
    flops_ratio: float | None
    time_ratio: float | None  # median over interleaved pairs of steps, same weighting
    step_seconds: float  # median, on ``Provenance.device``
    train_flops: int | None = added()  # of the whole training, all phases
    train_seconds: float | None = None  # the whole training, without evaluation; null if it did not end
    cuda_peak_bytes: int | None = None  # most that the allocator held for a training step, where there was a GPU
    twin_error: str | None = added()  # why a ratio is null


class Provenance(Part):
    """Where the numbers come from."""

    git_commit: str
    git_dirty: bool | None  # null: git did not say, which is not clean
    method_sha256: str
    source: str  # of the pictures, e.g. cifar10-jpeg
    dataset_fingerprint: str
    pictures: dict[str, int] | None = added()  # by part: training, validation, test
    versions: dict[str, str]
    device: str  # model of the GPU or of the processor
    threads: int
    started_utc: str
    precision: str | None = added()  # of the arithmetic, such as "float32"
    tf32: bool | None = added()  # whether CUDA may have rounded fp32 in training; of a cell on a GPU
    cuda: str | None = added()  # version of the CUDA that torch was built with; of a cell on a GPU
    driver: str | None = added()  # version of the GPU's driver
    processes: int | None = added()  # that shared each batch; null: one
    sharing: str | None = added()  # of them: what BatchNorm and objectives saw, and whose random numbers were whose


class Record(Part):
    """One cell: what it was, how it ended, what it reached, what it cost."""

    schema_version: Literal[1] = 1
    identity: Identity
    status: Status
    error: str | None = None
    options: dict[str, object] = Field(default_factory=dict)  # the method's, as trained
    recipe: dict[str, object] | None = added()  # as trained, in the words of a suite's recipe
    cuts: list[str] | None = None  # names of the K - 1 cut points; K alone is not comparable across papers
    labels: dict[str, int] = Field(default_factory=dict)  # kind (full, pairs, none) -> training pictures
    isolation: Literal["verified", "leaks", "not claimed"] | None = None
    accuracy: Accuracy | None = None
    cost: Cost | None = None
    provenance: Provenance | None = None
    fingerprint: str
    digest: str = ""

    def computed_digest(self) -> str:
        """SHA-256 over everything but the digest itself."""
        content = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def sealed(self) -> "Record":
        """The same record with its digest."""
        return self.model_copy(update={"digest": self.computed_digest()})

    @property
    def genuine(self) -> bool:
        """Whether the record still says what it said when it was written."""
        return self.digest == self.computed_digest()


def write_record(record: Record, path: Path) -> None:
    """Write the sealed record, whole or not at all."""
    write_text(record.sealed().model_dump_json(indent=1) + "\n", path)


def read_record(path: Path) -> Record:
    """Read and validate one record.

    Raises:
        UserError: the file is not a record.
    """
    try:
        return read_part(path, Record)
    except UserError as error:
        raise UserError(f"{path} is not a record ({error}); {cure(error, 'run its suite again')}.") from None


class OfAnotherVersion(UserError):
    """A file of results says what this version does not know."""


def cure(error: UserError, again: str) -> str:
    """What to do about a file of results that cannot be read; what took hours to train is not simply thrown away."""
    if isinstance(error, OfAnotherVersion):
        return "update this checkout if a newer one wrote it, else bring it back by `git restore`"
    return f"bring it back by `git restore`, or delete it and {again}"


def read_part(path: Path, kind: type[P]) -> P:
    """Read and validate what a JSON file holds.

    Raises:
        OfAnotherVersion: it has fields that this version does not know, or says so itself.
        UserError: it is none of that kind; the sentence is of "it".
    """
    try:
        return kind.model_validate_json(read_bytes(path, LARGEST))
    except ValidationError as error:
        first, *further = error.errors(include_url=False)
        place = ".".join(map(str, first["loc"]))
        newer = any(one["type"] == "extra_forbidden" or one["loc"] == ("schema_version",) for one in [first, *further])
        kind_of_error = OfAnotherVersion if newer else UserError
        raise kind_of_error(printable(f"{place}: {first['msg']}" if place else first["msg"])) from None
    except UserError as error:
        raise UserError(str(error).replace(str(path), "it", 1).rstrip(".")) from None


def read_records(runs: Path) -> Iterator[Record]:
    """All records below a folder, sorted by path."""
    for path in sorted(runs.glob("*/*/*.json")):
        yield read_record(path)
