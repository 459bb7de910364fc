"""Run a suite: make sure that it can run, train the cells that are not done yet, write records and tables.

A finished cell is kept under its fingerprint in an ignored folder, with the record's own digest. So a killed
run goes on where it stopped, and a record that somebody edited is written again from what was measured. A committed
record of the same fingerprint serves as well: who has pulled the cells of others does not train them again. Of a cell
that was under way there is a checkpoint, in a folder beside that, under the same fingerprint.
"""

import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from benchmark.ending import Interrupted, cannot_use
from benchmark.errors import UserError
from benchmark.running.executors import Executor, Local, Work
from benchmark.running.executors.local import prepared
from benchmark.running.keep import NETWORKS, Keep
from benchmark.running.launch import run_one
from benchmark.running.leftovers import remove_leftovers
from benchmark.running.observer import Observer
from benchmark.running.row import Known, row_of
from benchmark.running.seat import Seat, check_shares
from benchmark.running.slots import slots
from benchmark.running.turns import in_turn
from benchmark.schema.editions import of_todays_code
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plugins import METHODS, broken_methods, method_metadata, plugin_ids, plugin_path
from benchmark.schema.protocols import configured, effective
from benchmark.schema.record import Identity, Record, read_record, write_record
from benchmark.schema.suite import SUITES, TWIN, Cell, Suite, cells, identify, load_suite, trains
from benchmark.schema.tuned import Search, Trial, read_search

RUNS = Path("results/runs")
KEPT = Path(".beyond/cells")
WORTH_KEEPING = ("ok", "diverged")  # the others may end differently the next time
KEPT_ALL = "finished cells are kept"
SEARCHED_OTHERWISE = "the recipe was searched with other files, settings, pictures or packages than are here"
GOES_ON = "the same command goes on with them, from their checkpoints"
UNKEPT = "finished cells have their records in results/, but a run that is cut short will train them again"


class OutOfTime(UserError):
    """Some cells are not finished, and will be gone on with by the next call; those that are have their records."""


def run_suite(
    name: str,
    methods: Sequence[str],
    observer: Observer,
    runs: Path = RUNS,
    kept: Path = KEPT,
    again: bool = False,
    jobs: int | None = None,
    protocol: str | None = None,
    seeds: int | None = None,
    seconds: float = float("inf"),
    keep_weights: bool = False,
    index: int | None = None,
    gpus_per_cell: int = 1,
    seat: Seat | None = None,
    parallel: bool = False,
    executor: Executor | None = None,
    prepare: bool = False,
) -> list[Record]:
    """Train all cells of (suite, methods) that are not kept yet, and write their records below ``runs``.

    Args:
        protocol: only this one of the suite's; records of the others stay.
        seeds: only the first so many of each row; likewise.
        again: train those that are kept, too.
        jobs: so many cells side by side; by default one for each core or GPU.
        seconds: from now, after which no cell begins, and those that are under way are stopped and kept.
        keep_weights: of the networks that are trained now, beside their kept records.
        index: only this one of the cells, from 0 on; others may be trained at the same time, by other processes.
        gpus_per_cell: so many processes train a cell together, each on a GPU, or for a suite on processors on a core.
        seat: of this process, which trains the one cell together with others that somebody else has started; but for
            the first of them they return no records.
        parallel: each module of a cell trains in a process, and on a GPU or core, of its own.
        executor: who trains them; by default this machine, with these ``jobs`` and in this ``seat``.
        prepare: train nothing; only find out what all seeds of a row share, on processors, and keep it.

    Raises:
        UserError: the suite cannot run here, or a record cannot be written; what is finished is kept.
        OutOfTime: cells were stopped, or did not begin.
    """
    deadline = time.monotonic() + seconds
    executor = executor or Local(jobs, seat)
    suite = load_suite(name)
    methods = list(dict.fromkeys(methods))
    today = [cell for method in methods for cell in cells(name, suite, method)]
    check_asked(name, suite, methods, protocol)
    wanted = [cell for cell in today if protocol in (None, cell.protocol) and (seeds is None or cell.seed < seeds)]
    if index is not None:
        wanted = [_at(index, wanted, name)]
        methods = [wanted[0].method]
        if parallel and (refused := not_parallel(methods)):
            raise UserError(refused[methods[0]])
    suites = {cell: effective(suite, cell) for cell in wanted}
    identities = {cell: identify(cell, suite) for cell in wanted}
    store = _Store(runs, kept, observer)
    store.check(set(identities.values()), name)
    if index is None and executor.here:
        store.clean(name)
    here = executor.here and not prepare
    data, gpus = run_one("benchmark.running.preflight:preflight", name, tuple(methods), here)
    prints = {cell: fingerprint(cell, suites[cell], data) for cell in wanted}
    for cell in wanted:
        check_shares(suites[cell].recipe, seat.size if seat else gpus_per_cell)
        if parallel and suites[cell].recipe.parts > 1:
            raise UserError("--parallel modules hands whole batches on: leave `parts` out of the recipe.")
    if others := searched_otherwise(name, suite, {cell.method for cell in wanted if cell.recipe == "tuned"}, data):
        observer.note(f"{', '.join(others)}: {SEARCHED_OTHERWISE}; `beyond tune {name}` searches anew.")
    known = {} if again else {c: _finished(c, prints[c], kept, record_path(runs, identities[c])) for c in wanted}
    records = {cell: record for cell, record in known.items() if record}
    observer.begin(len(wanted), len(records))
    for cell, record in records.items():
        store.publish(record)
        store.forget(prints[cell])
    todo = in_turn((cell for cell in wanted if cell not in records), suites)

    def finished(cell: Cell) -> Record | None:
        if cell in prints:  # which was looked for above
            return records.get(cell)
        asked = fingerprint(cell, effective(suite, cell), data)
        return _finished(cell, asked, kept, record_path(runs, identify(cell, suite)))

    told = {} if again else _told_by_others(todo, today, finished)
    row_files = {row: store.row_file(fingerprint(row, effective(suite, row), data)) for row in map(row_of, todo)}
    if index is not None or not again:  # of one cell, whoever asks for it may have had its row prepared just now
        told = {row: found for row, file in row_files.items() if (found := Known.read(file))} | told
    work = [
        Work(
            cell,
            suites[cell],
            identities[cell],
            prints[cell],
            store.keep(prints[cell], keep_weights, bool(suite.examine)),
            record_path(runs, identities[cell]),
            processes=cell.modules if parallel else gpus_per_cell,
            parallel=parallel and cell.modules > 1,
            again=again,
            row=told.get(row_of(cell)),
            row_file=row_files[row_of(cell)],
        )
        for cell in todo
    ]
    if prepare:
        now = prepared(work, slots(0, jobs), deadline - time.monotonic(), pays=False)
        observer.note(f"{len(now)} of {len(row_files)} rows were prepared now.")
        return []
    with store.truthful():
        for cell, record in executor.train(work, gpus, observer, deadline - time.monotonic()):
            records[cell] = record
            store.save(record, prints[cell], shared=seat is not None)
            observer.finished(cell, record)
    store.complain()
    if index is None:
        remove_others(runs / name, methods, {record_path(runs, identify(cell, suite)) for cell in today})
    if seat and seat.rank:
        return []
    if left := len(wanted) - len(records):
        raise OutOfTime(f"{left} of {len(wanted)} cells are not finished; {GOES_ON}.")
    return [records[cell] for cell in wanted]


def _told_by_others(
    todo: Iterable[Cell], today: Iterable[Cell], finished: Callable[[Cell], Record | None]
) -> dict[Cell, Known]:
    """By row: what a finished cell tells of others that are to be trained, of other seeds."""
    wanted, found = set(map(row_of, todo)), dict[Cell, Known]()
    for cell in today:
        row = row_of(cell)
        if row in wanted and row not in found and (record := finished(cell)) and (known := Known.of(record)):
            found[row] = known
    return found


def _at(index: int, wanted: Sequence[Cell], name: str) -> Cell:
    if not 0 <= index < len(wanted):
        raise UserError(f"--index {index} is no cell of {name!r}; it has {len(wanted)}, from 0 to {len(wanted) - 1}.")
    return wanted[index]


def check_asked(name: str, suite: Suite, methods: Iterable[str], protocol: str | None = None) -> None:
    """Make sure that a suite trains what it is asked for.

    Raises:
        UserError: it trains other methods, some that are not there, or by other protocols.
    """
    for method in suite.methods or []:
        try:
            plugin_path(METHODS, method)
        except UserError as error:
            raise UserError(f"{SUITES}: {name}.methods: {error}") from None
    if protocol not in (None, *suite.seeds):
        raise UserError(f"Suite {name!r} has no protocol {protocol!r}; it has {', '.join(suite.seeds)}.")
    if others := [method for method in methods if not trains(suite, method)]:
        if suite.methods is not None:
            raise UserError(f"Suite {name!r} does not train {others[0]}; it trains {', '.join(suite.methods)}.")
        needs = method_metadata(plugin_path(METHODS, others[0]))["requires"]
        raise UserError(f"Suite {name!r} does not name {others[0]}, which only suites that do train: it needs {needs}.")


def searched_otherwise(name: str, suite: Suite, methods: Collection[str], data: str) -> list[str]:
    """Those of the methods, and of their twin, whose recipe was chosen by trials of what is no longer here."""
    found = []
    for method in sorted({*methods, TWIN} if methods else ()):
        search = read_search(name, method)
        if search and search.finals and not _as_here(search, search.finals[0], suite, data):
            found.append(method)
    return found


def _as_here(search: Search, trial: Trial, suite: Suite, data: str) -> bool:
    """Whether a trial of all epochs is one that would be made today."""
    if search.backbone not in [backbone.key for backbone in suite.backbones]:
        return False
    who = search.model_dump(include={"suite", "method", "variant", "backbone", "modules"})
    cell = Cell(**who, seed=trial.seed, recipe="tuned")
    return trial.fingerprint == fingerprint(cell, configured(suite, search.method, trial.configuration), data)


class _Store:
    """The two places of a finished cell: its record, and its copy that a later run goes on from.

    One of them is enough to lose nothing, so a place that cannot be written ends the run only where both fail.
    """

    def __init__(self, runs: Path, kept: Path, observer: Observer) -> None:
        self.runs, self.kept, self.observer = runs, kept, observer
        self.checkpoints, self.weights = kept.with_name("checkpoints"), kept.with_name("weights")
        self.unkept = ""  # why copies cannot be kept
        self.unpublished: tuple[OSError, Path] | None = None  # the first record that could not be written

    def check(self, wanted: Iterable[Identity], name: str) -> None:
        """Find now what would stop a record from being written after hours of training.

        Raises:
            UserError: something else stands in its place, or the folder cannot be written.
        """
        for path in (record_path(self.runs, who) for who in wanted):
            if path.is_dir():
                raise UserError(f"{path} is a folder, where a record belongs; move it away.")
        try:
            (self.runs / name).mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=self.runs / name).close()
        except OSError as error:
            raise UserError(f"Nothing was trained: {cannot_use(error, self.runs / name)}") from None

    def clean(self, name: str) -> None:
        """Remove what killed processes have left of files; not where processes of other machines write, too."""
        for folder in (self.runs / name, self.kept, self.checkpoints):
            remove_leftovers(folder)

    def row_file(self, fingerprint: str) -> Path:
        """Where it is kept what all cells of a row share; the fingerprint is that of its first cell."""
        return self.kept.with_name("rows") / f"{fingerprint}.json"

    def keep(self, fingerprint: str, weights: bool, examined: bool) -> Keep:
        """Where a cell leaves what it has before it is finished; its weights, and networks, if they are asked for."""
        weights_file = self.weights / f"{fingerprint}.safetensors" if weights else None
        networks = self.kept.with_name(NETWORKS.name) / fingerprint if examined else None
        return Keep(self.checkpoints / f"{fingerprint}.pt", weights_file, networks=networks)

    def save(self, record: Record, asked: str, shared: bool = False) -> None:
        """Write a record that was just made; one of other files than were ``asked`` for is kept for no later run.

        Args:
            shared: by processes that somebody else watches.

        Raises:
            UserError: in no place.
        """
        if record.status in WORTH_KEEPING and record.fingerprint == asked and not self.unkept:
            try:
                write_record(record, self.kept / f"{record.fingerprint}.json")
            except OSError as error:
                self.unkept = error.strerror or type(error).__name__
                self.observer.note(f"{self.kept} cannot be written ({self.unkept}): {UNKEPT}.")
        self.publish(record)
        of_one_of_several = shared and record.status == "failed"  # which may be all that it knows of another's death
        if (record.provenance or record.status == "timeout") and not of_one_of_several:
            self.forget(asked)  # it has said itself how it ended; or it never would

    def forget(self, fingerprint: str) -> None:
        """Remove the checkpoint of a cell that is finished."""
        with suppress(OSError):
            for path in list(self.checkpoints.glob(f"{fingerprint}*.pt")):  # of all its processes
                path.unlink(missing_ok=True)

    def publish(self, record: Record) -> None:
        """Write it where tables read it; where that fails, its copy is kept, and :meth:`complain` says so."""
        path = record_path(self.runs, record.identity)
        try:
            write_record(record, path)
        except OSError as error:
            self.unpublished = self.unpublished or (error, path)
            if self.unkept:
                self.complain()

    def complain(self) -> None:
        """Say what could not be written, at the end, when all else is done.

        Raises:
            UserError: something could not.
        """
        if self.unpublished:
            error, path = self.unpublished
            kept = f"{self.kept} cannot be written either, so what has no record is lost" if self.unkept else KEPT_ALL
            raise UserError(cannot_use(error, path, kept))

    @contextmanager
    def truthful(self) -> Iterator[None]:
        """Whoever is interrupted hears whether finished cells are kept."""
        try:
            yield
        except Interrupted as stop:
            stop.kept = UNKEPT if self.unkept else stop.kept
            raise


def unusable_methods() -> dict[str, str]:
    """By name: a sentence on each method's file that cannot be read or imported; the others can run without it."""
    unread = broken_methods()
    return unread | run_one("benchmark.running.preflight:unloadable", tuple(all_methods(unread)))


def not_parallel(methods: Sequence[str]) -> dict[str, str]:
    """By name: a sentence on each method whose modules cannot train at the same time."""
    found: dict[str, str] = run_one("benchmark.running.preflight:not_parallel", tuple(methods))
    return found


def methods_of(suite: Suite, without: Container[str] = ()) -> list[str]:
    """Ids of all methods that a suite trains, but those ``without``, the twin first.

    Raises:
        UserError: a file is broken, or two methods have one title.
    """
    return [name for name in all_methods(without) if trains(suite, name)]


def all_methods(without: Container[str] = ()) -> list[str]:
    """Ids of all methods but those ``without``, the twin first: others are compared with it.

    Raises:
        UserError: a file is broken, or two methods have one title.
    """
    titles: dict[str, str] = {}
    for name in plugin_ids(METHODS, without):
        title = method_metadata(plugin_path(METHODS, name))["title"]
        if title in titles:
            raise UserError(f"The title {title!r} of methods/{name}.py is taken by methods/{titles[title]}.py.")
        titles[title] = name
    return sorted(titles.values(), key=lambda name: (name != TWIN, name))


def _finished(cell: Cell, fingerprint: str, kept: Path, published: Path) -> Record | None:
    """The record of a cell that was finished before: here, or wherever the committed one was made."""
    own = _finished_record(kept / f"{fingerprint}.json", fingerprint, cell)
    return own or _finished_record(published, fingerprint, cell)


def _finished_record(path: Path, fingerprint: str, cell: Cell) -> Record | None:
    """A file's record, if it is of that fingerprint, ended, unedited, and of the method's code that is here."""
    try:
        if not path.is_file():
            return None
        record = read_record(path)
    except (UserError, OSError):
        return None
    ran = record.provenance
    same = record.fingerprint == fingerprint and ran is not None and of_todays_code(cell.method, ran.method_sha256)
    return record if record.genuine and same and record.status in WORTH_KEEPING else None


def record_path(runs: Path, i: Identity) -> Path:
    """Where the record of a cell stands below a folder of them."""
    return runs / i.suite / i.method / f"{i.file_stem}.json"


def remove_others(folder: Path, methods: Sequence[str], keep: set[Path]) -> None:
    """Remove from a suite's folder what is of cells that the suite no longer has."""
    for method in methods:
        for path in set((folder / method).glob("*.json")) - keep:
            path.unlink(missing_ok=True)
