"""Run a suite: make sure that it can run, and train the cells that are not done yet."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from benchmark.errors import UserError
from benchmark.running.asked import Asked, RunOptions
from benchmark.running.executors import Executor, Local, Work
from benchmark.running.executors.local import prepared
from benchmark.running.launch import run_one
from benchmark.running.methods import not_parallel
from benchmark.running.observer import Observer
from benchmark.running.row import Known, row_of
from benchmark.running.slots import slots
from benchmark.running.store import KEPT, RUNS, Store, remove_others
from benchmark.running.turns import in_turn
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell

SEARCHED_OTHERWISE = "the recipe was searched with other files, settings, pictures or packages than are here"
OF_ANOTHER_RECIPE = (
    "the tuned records that are here are of another recipe than the search chooses now, and are made anew; "
    "`git diff results/tuned` shows whether somebody has edited it."
)
GOES_ON = "the same command goes on with them, from their checkpoints"


class OutOfTime(UserError):
    """Some cells are not finished, and will be gone on with by the next call; those that are have their records."""


def run_suite(
    name: str,
    methods: Sequence[str],
    observer: Observer,
    options: RunOptions | None = None,
    executor: Executor | None = None,
    runs: Path = RUNS,
    kept: Path = KEPT,
) -> list[Record]:
    """Train all cells of (suite, methods) that are not kept yet, and write their records below ``runs``.

    Args:
        options: which of the cells, and how; by default all.
        executor: who trains them; by default this machine, a cell for each core or GPU.

    Raises:
        UserError: the suite cannot run here, or a record cannot be written; what is finished is kept.
        OutOfTime: cells were stopped, or did not begin.
    """
    options = options or RunOptions()
    deadline = time.monotonic() + options.seconds
    executor = executor or Local(worker=options.worker)
    asked, store = Asked(name, methods, options), Store(runs, kept, observer)
    if options.parallel and options.index is not None and (refused := not_parallel(asked.methods)):
        raise UserError(refused[asked.methods[0]])
    store.check([asked.identity_of(cell) for cell in asked.wanted], name)
    if options.index is None and executor.here:
        store.clean(name)
    here = executor.here and not options.prepare
    data, gpus = run_one("benchmark.running.preflight:preflight", name, tuple(asked.methods), here)
    asked.check_processes()
    if others := asked.searched_otherwise(data):
        observer.note(f"{', '.join(others)}: {SEARCHED_OTHERWISE}; `beyond tune {name}` searches anew.")
    fingerprint = asked.fingerprints(data)

    @cache
    def finished(cell: Cell) -> Record | None:
        return None if options.again else store.finished(cell, fingerprint(cell), asked.identity_of(cell))

    records = {cell: record for cell in asked.wanted if (record := finished(cell))}
    observer.begin(len(asked.wanted), len(records))
    for cell, record in records.items():
        store.publish(record)
        store.forget(fingerprint(cell))
    left = [cell for cell in asked.wanted if cell not in records]
    if others := _of_another_recipe(left, asked, store):
        observer.note(f"{', '.join(others)}: {OF_ANOTHER_RECIPE}")
    work = _work(left, asked, store, fingerprint, finished)
    if options.prepare:
        now = prepared(work, slots(0), deadline - time.monotonic(), pays=False)
        observer.note(f"{len(now)} of {len({row_of(one.cell) for one in work})} rows were prepared now.")
        return []
    with store.truthful():
        for cell, record in executor.train(work, gpus, observer, deadline - time.monotonic()):
            records[cell] = record
            store.save(record, fingerprint(cell), shared=options.worker is not None)
            observer.finished(cell, record)
    store.complain()
    if options.index is None:
        remove_others(runs / name, asked.methods, {runs / asked.identity_of(cell).path for cell in asked.all})
    if options.worker and options.worker.rank:
        return []
    if unfinished := len(asked.wanted) - len(records):
        raise OutOfTime(f"{unfinished} of {len(asked.wanted)} cells are not finished; {GOES_ON}.")
    return [records[cell] for cell in asked.wanted]


def _work(
    cells: Iterable[Cell],
    asked: Asked,
    store: Store,
    fingerprint: Callable[[Cell], str],
    finished: Callable[[Cell], Record | None],
) -> list[Work]:
    """The cells in the order in which they shall begin, each with what is known of its row."""
    options, suites = asked.options, {cell: asked.suite_of(cell) for cell in cells}
    todo = in_turn(suites, suites)
    row_files = {row: store.row_file(fingerprint(row)) for row in map(row_of, todo)}
    told = _told_by_others(todo, asked.all, finished)
    if options.index is not None or not options.again:  # whoever asks for one cell may have had its row prepared now
        told = _told_by_files(row_files) | told
    return [
        Work(
            cell,
            suites[cell],
            asked.identity_of(cell),
            fingerprint(cell),
            store.keep(fingerprint(cell), options.keep_weights, bool(asked.suite.examine)),
            store.runs / asked.identity_of(cell).path,
            processes=cell.modules if options.parallel else options.gpus_per_cell,
            parallel=options.parallel and cell.modules > 1,
            again=options.again,
            row=told.get(row_of(cell)),
            row_file=row_files[row_of(cell)],
        )
        for cell in todo
    ]


def _of_another_recipe(cells: Iterable[Cell], asked: Asked, store: Store) -> list[str]:
    """Methods of which a tuned record is replaced by one of another recipe."""
    tuned = [cell for cell in cells if cell.recipe == "tuned"]
    before = {cell: store.published(asked.identity_of(cell)) for cell in tuned}
    recipes = {cell: record.recipe for cell, record in before.items() if record}
    now = {cell: asked.suite_of(cell).recipe.facts() for cell in recipes}
    return sorted({cell.method for cell, said in recipes.items() if said not in (None, now[cell])})


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


def _told_by_files(files: Mapping[Cell, Path]) -> dict[Cell, Known]:
    """By row: what was found out of it before, and is kept."""
    return {row: found for row, file in files.items() if (found := Known.read(file))}
