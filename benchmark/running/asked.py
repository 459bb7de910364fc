"""What is asked of a suite: which of its cells, and what each of them trains by."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from benchmark.errors import UserError
from benchmark.running.worker import Worker, check_shares
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.protocols import effective, on_trial
from benchmark.schema.record import Identity
from benchmark.schema.suite import SUITES, TWIN, Cell, Suite, cells, identify, load_suite, trains
from benchmark.schema.tuned import Search, Trial, read_search


@dataclass(frozen=True)
class RunOptions:
    """Which cells of some methods in a suite are trained, and how.

    Attributes:
        protocol: only this one of the suite's; records of the others stay.
        seeds: only the first so many of each row; likewise.
        index: only this one of the cells, from 0 on; others may be trained at the same time, by other processes.
        again: train those that are kept, too.
        seconds: from now, after which no cell begins, and those that are under way are stopped and kept.
        keep_weights: of the networks that are trained now, beside their kept records.
        gpus_per_cell: so many processes train a cell together, each on a GPU, or for a suite on processors on a core.
        parallel: each module of a cell trains in a process, and on a GPU or core, of its own.
        worker: of this process, which trains the one cell together with others that somebody else has started; but for
            the first of them they return no records.
        prepare: train nothing; only find out what all seeds of a row share, on processors, and keep it.
    """

    protocol: str | None = None
    seeds: int | None = None
    index: int | None = None
    again: bool = False
    seconds: float = float("inf")
    keep_weights: bool = False
    gpus_per_cell: int = 1
    parallel: bool = False
    worker: Worker | None = None
    prepare: bool = False


class Asked:
    """The cells of a suite that shall be finished, among all of the methods that are named.

    Attributes:
        options: which of their cells are wanted, and how they are trained.
        methods: of the cells that are wanted.
        all: cells of these methods, by all protocols and seeds.
        wanted: those of them that are asked for.
        suite_of: by what a cell trains: the suite with its own recipe.
        identity_of: who a cell is in its record.

    Raises:
        UserError: the suite does not train these, or has no such cell.
    """

    def __init__(self, name: str, methods: Sequence[str], options: RunOptions) -> None:
        self.name, self.suite, self.options = name, load_suite(name), options
        self.methods = list(dict.fromkeys(methods))
        self.all = [cell for method in self.methods for cell in cells(name, self.suite, method)]
        protocol, seeds = options.protocol, options.seeds
        check_asked(name, self.suite, self.methods, protocol)
        asked = [c for c in self.all if protocol in (None, c.protocol) and (seeds is None or c.seed < seeds)]
        if options.index is not None:
            asked = [_at(options.index, asked, name)]
            self.methods = [asked[0].method]
        self.wanted = asked
        self.suite_of: Callable[[Cell], Suite] = cache(partial(effective, self.suite))
        self.identity_of: Callable[[Cell], Identity] = cache(partial(identify, suite=self.suite))

    def check_processes(self) -> None:
        """Make sure that cells can be trained by so many processes each, or by one for each of their modules.

        Raises:
            UserError: some cannot.
        """
        worker = self.options.worker
        processes = worker.size if worker else self.options.gpus_per_cell
        for cell in self.wanted:
            check_shares(self.suite_of(cell).recipe, processes)
            if self.options.parallel and self.suite_of(cell).recipe.parts > 1:
                raise UserError("--parallel modules hands whole batches on: leave `parts` out of the recipe.")

    def fingerprints(self, data: str) -> Callable[[Cell], str]:
        """The fingerprint of any of the suite's cells, by that of the pictures that are here."""
        return cache(lambda cell: fingerprint(cell, self.suite_of(cell), data))

    def searched_otherwise(self, data: str) -> list[str]:
        """Those of the methods, and of their twin, whose recipe was chosen by trials of what is no longer here."""
        tuned = {cell.method for cell in self.wanted if cell.recipe == "tuned"}
        found = []
        for method in sorted({*tuned, TWIN} if tuned else ()):
            search = read_search(self.name, method)
            if search and search.finals and not _as_here(search, search.finals[0], self.suite, data):
                found.append(method)
        return found


def _at(index: int, wanted: Sequence[Cell], name: str) -> Cell:
    if not 0 <= index < len(wanted):
        raise UserError(f"--index {index} is no cell of {name!r}; it has {len(wanted)}, from 0 to {len(wanted) - 1}.")
    return wanted[index]


def _as_here(search: Search, trial: Trial, suite: Suite, data: str) -> bool:
    """Whether a trial of all epochs is one that would be made today."""
    if search.backbone not in [backbone.key for backbone in suite.backbones]:
        return False
    cell, trains = on_trial(suite, search.cell, trial.configuration, trial.full)
    return trial.fingerprint == fingerprint(cell, trains, data)


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
