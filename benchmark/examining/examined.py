"""The record of one examination of one cell, beside the record of its training, which it leaves as it is."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from benchmark.errors import UserError
from benchmark.examining.examination import Examination
from benchmark.schema.fingerprint import package_versions
from benchmark.schema.plain import Strict
from benchmark.schema.record import Identity, Part, cure, read_part
from benchmark.schema.text import write_text

EXAMINED = Path("results/examined")


class Made(Part):
    """Where an examination was made; no host name, user or path."""

    git_commit: str
    git_dirty: bool | None
    device: str
    versions: dict[str, str]
    started_utc: str
    seconds: float  # of processor time, without the training of a network that was missing


class Examined(Part):
    """What one examination found of one cell."""

    schema_version: Literal[1] = 1
    identity: Identity  # of the cell
    fingerprint: str  # of the cell, whose record and network these are
    examination: str
    version: int
    options: dict[str, Any]
    key: str  # of all that the numbers hang on, see :func:`key_of`
    beside: dict[str, str] = Field(default_factory=dict)  # other cells' networks that it saw: setting -> fingerprint
    status: Literal["ok", "failed"]
    error: str | None = None
    block: dict[str, Any] | None = None
    made: Made
    digest: str = ""

    def computed_digest(self) -> str:
        """SHA-256 over everything but the digest itself."""
        content = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def genuine(self) -> bool:
        """Whether it still says what it said when it was written."""
        return self.digest == self.computed_digest()


def key_of(examination: Examination[Any, Any], options: Strict, fingerprint: str, beside: Mapping[str, str]) -> str:
    """Hash of all that an examination's numbers hang on."""
    facts = {
        "examination": examination.name(),
        "version": examination.version,
        "options": options.model_dump(mode="json"),
        "cell": fingerprint,
        "beside": dict(beside),
        "packages": versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Of the packages that can change a number."""
    return package_versions() | {"scipy": version("scipy")}


def examined_path(folder: Path, identity: Identity, examination: str) -> Path:
    """Where it stands below a folder."""
    return folder / identity.path.with_name(f"{identity.file_stem}.{examination}.json")


def write_examined(found: Examined, folder: Path) -> None:
    """Write it with its digest, whole or not at all."""
    sealed = found.model_copy(update={"digest": found.computed_digest()})
    write_text(sealed.model_dump_json(indent=1) + "\n", examined_path(folder, found.identity, found.examination))


def read_examined(path: Path) -> Examined:
    """Read and validate one.

    Raises:
        UserError: the file is none.
    """
    try:
        return read_part(path, Examined)
    except UserError as error:
        again = "run `beyond examine` again"
        raise UserError(f"{path} is no examination ({error}); {cure(error, again)}.") from None


def all_examined(folder: Path) -> Iterator[Examined]:
    """All below a folder, sorted by path."""
    for path in sorted(folder.glob("*/*/*.json")):
        yield read_examined(path)
