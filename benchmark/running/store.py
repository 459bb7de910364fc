"""Where finished cells are kept.

A finished cell is kept under its fingerprint in an ignored folder, with the record's own digest. So a killed
run goes on where it stopped, and a record that somebody edited is written again from what was measured. A committed
record of the same fingerprint serves as well: who has pulled the cells of others does not train them again. Of a cell
that was under way there is a checkpoint, in a folder beside that, under the same fingerprint.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from benchmark.ending import Interrupted, cannot_use
from benchmark.errors import UserError
from benchmark.running.keep import NETWORKS, Keep
from benchmark.running.leftovers import remove_leftovers
from benchmark.running.observer import Observer
from benchmark.schema.editions import of_todays_code
from benchmark.schema.record import Identity, Record, read_record, write_record
from benchmark.schema.suite import Cell

RUNS = Path("results/runs")
KEPT = Path(".beyond/cells")
WORTH_KEEPING = ("ok", "diverged")  # the others may end differently the next time
KEPT_ALL = "finished cells are kept"
UNKEPT = "finished cells have their records in results/, but a run that is cut short will train them again"


class Store:
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
        for path in (self.runs / who.path for who in wanted):
            if path.is_dir():
                raise UserError(f"{path} is a folder, where a record belongs; move it away.")
        check_writable(self.runs / name)

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

    def finished(self, cell: Cell, fingerprint: str, identity: Identity) -> Record | None:
        """The record of a cell that was finished before: here, or wherever the committed one was made."""
        own = _finished_record(self.kept / f"{fingerprint}.json", fingerprint, cell)
        return own or _finished_record(self.runs / identity.path, fingerprint, cell)

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
        path = self.runs / record.identity.path
        try:
            write_record(record, path)
        except OSError as error:
            self.unpublished = self.unpublished or (error, path)
            if self.unkept:
                self.complain()

    def published(self, who: Identity) -> Record | None:
        """The record that tables read of a cell, whatever made it; none if there is none, or nobody can read it."""
        try:
            return read_record(self.runs / who.path)
        except UserError:
            return None

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


def check_writable(folder: Path) -> None:
    """Find before the training what would stop its outcome from being written.

    Raises:
        UserError: the folder cannot be made, or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(f"Nothing was trained: {cannot_use(error, folder)}") from None


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


def remove_others(folder: Path, methods: Sequence[str], keep: set[Path]) -> None:
    """Remove from a suite's folder what is of cells that the suite no longer has."""
    for method in methods:
        for path in set((folder / method).glob("*.json")) - keep:
            path.unlink(missing_ok=True)
