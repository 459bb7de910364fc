"""What is asked of a suite: which of its cells, and what each of them trains by."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial

from benchmark.errors import UserError
from benchmark.running.seat import check_shares
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.protocols import configured, effective
from benchmark.schema.record import Identity
from benchmark.schema.suite import SUITES, TWIN, Cell, Suite, cells, identify, load_suite, trains
from benchmark.schema.tuned import Search, Trial, read_search


class Asked:
    """The cells of a suite that shall be finished, among all of the methods that are named.

    Attributes:
        methods: of the cells that are wanted.
        all: cells of these methods, by all protocols and seeds.
        wanted: those of them that are asked for.
        suite_of: by what a cell trains: the suite with its own recipe.
        identity_of: who a cell is in its record.

    Raises:
        UserError: the suite does not train these, or has no such cell.
    """

    def __init__(
        self, name: str, methods: Sequence[str], protocol: str | None, seeds: int | None, index: int | None
    ) -> None:
        self.name, self.suite, self.methods = name, load_suite(name), list(dict.fromkeys(methods))
        self.all = [cell for method in self.methods for cell in cells(name, self.suite, method)]
        check_asked(name, self.suite, self.methods, protocol)
        asked = [c for c in self.all if protocol in (None, c.protocol) and (seeds is None or c.seed < seeds)]
        if index is not None:
            asked = [_at(index, asked, name)]
            self.methods = [asked[0].method]
        self.wanted = asked
        self.suite_of: Callable[[Cell], Suite] = cache(partial(effective, self.suite))
        self.identity_of: Callable[[Cell], Identity] = cache(partial(identify, suite=self.suite))

    def check_processes(self, processes: int, parallel: bool) -> None:
        """Make sure that cells can be trained by so many processes each, or by one for each of their modules.

        Raises:
            UserError: some cannot.
        """
        for cell in self.wanted:
            check_shares(self.suite_of(cell).recipe, processes)
            if parallel and self.suite_of(cell).recipe.parts > 1:
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
    who = search.model_dump(include={"suite", "method", "variant", "backbone", "modules"})
    cell = Cell(**who, seed=trial.seed, recipe="tuned")
    return trial.fingerprint == fingerprint(cell, configured(suite, search.method, trial.configuration), data)


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
