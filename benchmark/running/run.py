"""Run a suite: make sure that it can run, train the cells that are not done yet, write records and tables.

A finished cell is kept under its fingerprint in an ignored folder, with the record's own digest. So a killed
run goes on where it stopped, and a record that somebody edited is written again from what was measured.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmark.errors import UserError
from benchmark.running.launch import Crash, Job, cores, run_jobs, run_one
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plugins import METHODS, file_sha256, method_metadata, plugin_ids, plugin_path
from benchmark.schema.record import Identity, Record, read_record, write_record
from benchmark.schema.suite import TWIN, Cell, Suite, cells, identify, load_suite
from benchmark.schema.text import printable

RUNS = Path("results/runs")
KEPT = Path(".beyond/cells")
WORTH_KEEPING = ("ok", "diverged")  # the others may end differently the next time


class Observer(Protocol):
    """Who wants to know how a run goes (a progress bar)."""

    def begin(self, total: int, done: int) -> None:
        """``done`` of ``total`` cells were finished earlier."""

    def progress(self, cell: Cell, fraction: float) -> None:
        """A cell has trained this fraction of its epochs."""

    def finished(self, cell: Cell, record: Record) -> None:
        """A cell has ended."""


def run_suite(
    name: str, methods: Sequence[str], observer: Observer, runs: Path = RUNS, kept: Path = KEPT, again: bool = False
) -> list[Record]:
    """Train all cells of (suite, methods) that are not kept yet, and write their records below ``runs``.

    Args:
        again: train those that are kept, too.

    Raises:
        UserError: the suite cannot run here, or a record cannot be written; what is finished is kept.
    """
    suite = load_suite(name)
    methods = list(dict.fromkeys(methods))
    wanted = [cell for method in methods for cell in cells(name, suite, method)]
    identities = {cell: identify(cell, suite) for cell in wanted}
    data, gpus = run_one("benchmark.running.preflight:preflight", name, tuple(methods))
    prints = {cell: fingerprint(cell, suite, data) for cell in wanted}
    records = {cell: record for cell in wanted if not again and (record := _kept_record(kept, prints[cell], cell))}
    observer.begin(len(wanted), len(records))
    for record in records.values():
        _write(record, _path(runs, record))
    todo = [cell for cell in wanted if cell not in records]
    for cell, record in _train(todo, suite, prints, identities, gpus, observer):
        records[cell] = record
        if record.status in WORTH_KEEPING and record.fingerprint == prints[cell]:
            _write(record, kept / f"{prints[cell]}.json")
        _write(record, _path(runs, record))
        observer.finished(cell, record)
    _remove_others(runs / name, methods, {_path(runs, record) for record in records.values()})
    return [records[cell] for cell in wanted]


def all_methods() -> list[str]:
    """Ids of all methods, the twin first: others are compared with it.

    Raises:
        UserError: a file is broken, or two methods have one title.
    """
    titles: dict[str, str] = {}
    for name in plugin_ids(METHODS):
        title = method_metadata(plugin_path(METHODS, name))["title"]
        if title in titles:
            raise UserError(f"The title {title!r} of methods/{name}.py is taken by methods/{titles[title]}.py.")
        titles[title] = name
    return sorted(titles.values(), key=lambda name: (name != TWIN, name))


def _train(
    todo: Sequence[Cell],
    suite: Suite,
    prints: Mapping[Cell, str],
    identities: Mapping[Cell, Identity],
    gpus: int,
    observer: Observer,
) -> Iterator[tuple[Cell, Record]]:
    seconds = 60 * suite.timeout_minutes
    jobs = [Job(c, "benchmark.running.cell:run_cell", (c, suite, prints[c]), seconds) for c in todo]
    for cell, outcome in run_jobs(jobs, gpus or cores(), gpus > 0, observer.progress):
        if isinstance(outcome, UserError):  # its file has become none since the run began
            outcome = Crash("failed", printable(outcome))
        yield cell, _crashed(identities[cell], prints[cell], outcome) if isinstance(outcome, Crash) else outcome


def _crashed(identity: Identity, fingerprint: str, crash: Crash) -> Record:
    return Record(identity=identity, status=crash.status, error=crash.sentence, fingerprint=fingerprint)


def _kept_record(kept: Path, fingerprint: str, cell: Cell) -> Record | None:
    """The finished record of that fingerprint, if there is one, unedited, and of the very file that is here."""
    path = kept / f"{fingerprint}.json"
    if not path.exists():
        return None
    try:
        record = read_record(path)
    except UserError:
        return None
    ran = record.provenance and record.provenance.method_sha256
    same = record.fingerprint == fingerprint and ran == file_sha256(plugin_path(METHODS, cell.method))
    return record if record.genuine and same else None


def _path(runs: Path, record: Record) -> Path:
    i = record.identity
    return runs / i.suite / i.method / f"{i.file_stem}.json"


def _write(record: Record, path: Path) -> None:
    try:
        write_record(record, path)
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror}); finished cells are kept, run again.") from None


def _remove_others(folder: Path, methods: Sequence[str], keep: set[Path]) -> None:
    """Remove records of cells that the suite no longer has."""
    for method in methods:
        for path in set((folder / method).glob("*.json")) - keep:
            path.unlink()
