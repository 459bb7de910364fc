"""Run a suite: make sure that it can run, and train the cells that are not done yet."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from benchmark.errors import UserError
from benchmark.running.asked import Asked
from benchmark.running.executors import Executor, Local, Work
from benchmark.running.executors.local import prepared
from benchmark.running.launch import run_one
from benchmark.running.methods import not_parallel
from benchmark.running.observer import Observer
from benchmark.running.row import Known, row_of
from benchmark.running.seat import Seat
from benchmark.running.slots import slots
from benchmark.running.store import KEPT, RUNS, Store, record_path, remove_others
from benchmark.running.turns import in_turn
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite

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
    asked = Asked(name, methods, protocol, seeds, index)
    if parallel and index is not None and (refused := not_parallel(asked.methods)):
        raise UserError(refused[asked.methods[0]])
    store = Store(runs, kept, observer)
    store.check([asked.identity_of(cell) for cell in asked.wanted], name)
    if index is None and executor.here:
        store.clean(name)
    here = executor.here and not prepare
    data, gpus = run_one("benchmark.running.preflight:preflight", name, tuple(asked.methods), here)
    asked.check_processes(seat.size if seat else gpus_per_cell, parallel)
    if others := asked.searched_otherwise(data):
        observer.note(f"{', '.join(others)}: {SEARCHED_OTHERWISE}; `beyond tune {name}` searches anew.")
    fingerprint = asked.fingerprints(data)

    @cache
    def finished(cell: Cell) -> Record | None:
        return None if again else store.finished(cell, fingerprint(cell), asked.identity_of(cell))

    records = {cell: record for cell in asked.wanted if (record := finished(cell))}
    observer.begin(len(asked.wanted), len(records))
    for cell, record in records.items():
        store.publish(record)
        store.forget(fingerprint(cell))
    suites = {cell: asked.suite_of(cell) for cell in asked.wanted if cell not in records}
    if others := _of_another_recipe(suites, store, asked):
        observer.note(f"{', '.join(others)}: {OF_ANOTHER_RECIPE}")
    todo = in_turn(suites, suites)
    row_files = {row: store.row_file(fingerprint(row)) for row in map(row_of, todo)}
    told = _told_by_others(todo, asked.all, finished)
    if index is not None or not again:  # of one cell, whoever asks for it may have had its row prepared just now
        told = _told_by_files(row_files) | told
    work = [
        Work(
            cell,
            suites[cell],
            asked.identity_of(cell),
            fingerprint(cell),
            store.keep(fingerprint(cell), keep_weights, bool(asked.suite.examine)),
            record_path(runs, asked.identity_of(cell)),
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
            store.save(record, fingerprint(cell), shared=seat is not None)
            observer.finished(cell, record)
    store.complain()
    if index is None:
        remove_others(runs / name, asked.methods, {record_path(runs, asked.identity_of(cell)) for cell in asked.all})
    if seat and seat.rank:
        return []
    if left := len(asked.wanted) - len(records):
        raise OutOfTime(f"{left} of {len(asked.wanted)} cells are not finished; {GOES_ON}.")
    return [records[cell] for cell in asked.wanted]


def _of_another_recipe(todo: Mapping[Cell, Suite], store: Store, asked: Asked) -> list[str]:
    """Methods of which a tuned record is replaced by one of another recipe."""
    tuned = {cell: suite for cell, suite in todo.items() if cell.recipe == "tuned"}
    before = {cell: store.published(asked.identity_of(cell)) for cell in tuned}
    recipes = {cell: record.recipe for cell, record in before.items() if record}
    return sorted({cell.method for cell, said in recipes.items() if said not in (None, tuned[cell].recipe.facts())})


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
