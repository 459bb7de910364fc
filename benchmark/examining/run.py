"""Examine a track: find its trained cells, train what is missing of their networks again, examine what is not done.

An examination that was made with the same files, options, versions and packages is not made again; one whose record
somebody edited is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import UserError
from benchmark.examining.agreement import differences
from benchmark.examining.candidate import Candidate
from benchmark.examining.examination import load_examination, options_of
from benchmark.examining.examined import EXAMINED, Examined, examined_path, key_of, read_examined, write_examined
from benchmark.running.asked import check_asked
from benchmark.running.keep import NETWORKS, moments_after, network_file
from benchmark.running.launch import Crash, Job, run_jobs, run_one
from benchmark.running.methods import methods_of
from benchmark.running.observer import LineObserver
from benchmark.running.slots import described, slots
from benchmark.running.store import RUNS, check_writable, remove_others
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plain import Strict
from benchmark.schema.protocols import effective
from benchmark.schema.record import Record, read_record
from benchmark.schema.suite import Cell, Suite, cells, identify, load_suite
from benchmark.schema.text import printable

WORKER = "benchmark.examining.worker:"


@dataclass(frozen=True)
class _Plan:
    """Whom to examine of a track, and by what."""

    suite: Suite
    wanted: dict[Cell, Candidate]  # of the methods asked for
    beside: dict[Cell, dict[str, list[Candidate]]]
    options: dict[str, Strict]
    everyone: list[Cell]  # of these methods, trained or not
    gpus: int


def examine_suite(
    name: str,
    methods: Sequence[str],
    observer: LineObserver,
    again: bool = False,
    jobs: int | None = None,
) -> list[Examined]:
    """Examine all trained cells of (suite, methods), and write what is found into ``results/examined``.

    Args:
        again: what is examined already, too.
        jobs: so many cells side by side; by default one for each core or GPU.

    Returns:
        What was examined now.

    Raises:
        UserError: the suite is no track, cannot run here, or none of its cells has been trained.
    """
    plan = _plan(name, methods, observer)
    check_writable(EXAMINED / name)
    here = {examined_path(EXAMINED, identify(cell, plan.suite), e) for cell in plan.everyone for e in plan.options}
    remove_others(EXAMINED / name, methods, here)
    due = {c: {n: o for n, o in plan.options.items() if again or not _done(plan, c, n)} for c in plan.wanted}
    made = []
    for found in _examined(plan, due, observer, jobs):
        write_examined(found, EXAMINED)
        made.append(found)
    return made


def check_suite(name: str, methods: Sequence[str], observer: LineObserver, jobs: int | None = None) -> list[str]:
    """Examine again what is examined, compare, and write nothing.

    Returns:
        A sentence on each examination of a cell that comes out otherwise, or fails.

    Raises:
        UserError: as of :func:`examine_suite`, or nothing is examined yet.
    """
    plan = _plan(name, methods, observer)
    due = {c: {n: o for n, o in plan.options.items() if _done(plan, c, n)} for c in plan.wanted}
    if not any(due.values()):
        raise UserError(f"Nothing of {name!r} is examined yet; `beyond examine {name}` does that.")
    sentences = []
    for again in _examined(plan, due, observer, jobs):
        before = read_examined(examined_path(EXAMINED, again.identity, again.examination))
        if odd := again.error or differences(before.block, again.block):
            sentences.append(f"{again.identity.setting} seed {again.identity.seed}, {again.examination}: {odd}")
    return sentences


def _plan(name: str, methods: Sequence[str], observer: LineObserver) -> _Plan:
    """Whom to examine, once it is sure that they can be."""
    suite = load_suite(name)
    options = options_of(name, suite)
    check_asked(name, suite, methods)
    data, gpus = run_one("benchmark.running.preflight:preflight", name, tuple(methods))
    trained = _trained(name, suite, data)
    wanted = {cell: candidate for cell, candidate in trained.items() if cell.method in methods}
    if not wanted:
        raise UserError(f"No cell of {', '.join(methods)} in {name!r} is trained yet; `beyond run {name}` does that.")
    everyone = [cell for method in methods for cell in cells(name, suite, method)]
    if missing := len(everyone) - len(wanted):
        observer.note(f"{missing} of {len(everyone)} cells are not trained, or by other files; they are left out.")
    return _Plan(suite, wanted, {c: _beside(c, trained, options) for c in wanted}, options, everyone, gpus)


def _examined(
    plan: _Plan, due: Mapping[Cell, Mapping[str, Strict]], observer: LineObserver, jobs: int | None
) -> Iterator[Examined]:
    """Everything that is due, as it is found.

    Raises:
        UserError: in the end, where cells could not be examined; or a network cannot be had again.
    """
    todo = [cell for cell in plan.wanted if due[cell]]
    observer.begin(len(plan.wanted), len(plan.wanted) - len(todo))
    places = slots(plan.gpus, jobs)
    if todo:
        observer.note(f"{len(todo)} to examine: {described(places)}")
    others = [other for cell in todo for name in due[cell] for other in plan.beside[cell][name]]
    _train_missing([plan.wanted[cell] for cell in todo] + others, places, observer)
    failed = []
    work = [Job(cell, f"{WORKER}examine", (plan.wanted[cell], due[cell], plan.beside[cell])) for cell in todo]
    for cell, outcome in run_jobs(work, places, observer.progress):
        setting = plan.wanted[cell].called
        if isinstance(outcome, Crash | UserError):
            failed.append(f"{setting}: {outcome}")
            observer.ended(cell, failed[-1])
            continue
        yield from outcome
        said = [f"{e.examination} {e.error or 'ok'} ({e.made.seconds:.0f} s)" for e in outcome]
        observer.ended(cell, f"{setting}: {', '.join(said)}")
    if failed:
        raise UserError(f"{len(failed)} of {len(todo)} cells were not examined: {printable(failed[0])}")


def _trained(name: str, suite: Suite, data: str) -> dict[Cell, Candidate]:
    """The cells of the suite whose records are of the files, settings, pictures and packages that are here now."""
    found = {}
    for cell in (cell for method in methods_of(suite) for cell in cells(name, suite, method)):
        record = _record(RUNS / identify(cell, suite).path)
        if record and record.genuine and record.status == "ok":
            trained_by = effective(suite, cell)
            own = fingerprint(cell, trained_by, data)
            if record.fingerprint == own:
                found[cell] = Candidate(cell, trained_by, own, record, NETWORKS / own)
    return found


def _record(path: Path) -> Record | None:
    try:
        return read_record(path) if path.is_file() else None
    except UserError:
        return None


def _beside(cell: Cell, trained: Mapping[Cell, Candidate], names: Iterable[str]) -> dict[str, list[Candidate]]:
    """By examination: the other cells that it wants to see with this one."""
    return {name: [trained[c] for c in load_examination(name).beside(cell, list(trained))] for name in names}


def _done(plan: _Plan, cell: Cell, name: str) -> bool:
    """Whether there is an examination of a cell as it would be made now."""
    candidate = plan.wanted[cell]
    beside = {c.called: c.fingerprint for c in plan.beside[cell][name]}
    path = examined_path(EXAMINED, candidate.record.identity, name)
    try:
        found = read_examined(path) if path.is_file() else None
    except UserError:
        return False
    key = key_of(load_examination(name), plan.options[name], candidate.fingerprint, beside)
    return found is not None and found.key == key and found.genuine and found.status == "ok"


def _train_missing(candidates: Iterable[Candidate], places: Sequence[str | None], observer: LineObserver) -> None:
    """Train the cells again whose networks are gone.

    Raises:
        UserError: one of them cannot be, or comes out otherwise than its record says.
    """
    missing = list({c.cell: c for c in candidates if not _is_kept(c)}.values())
    if not missing:
        return
    observer.note(f"Networks of {len(missing)} cells are not kept here; they are trained again, without metering.")
    work = [Job(c, f"{WORKER}train_again", (c,)) for c in missing]
    for candidate, outcome in run_jobs(work, places):
        if isinstance(outcome, Crash | UserError):
            raise UserError(str(outcome))
        observer.note(f"{candidate.called}: trained again")


def _is_kept(candidate: Candidate) -> bool:
    """Whether all networks are there that the suite asks for; a cell that nobody trains needs none."""
    trained = candidate.record.accuracy.curve if candidate.record.accuracy else []
    wanted = moments_after(len(trained), candidate.suite)
    return all(network_file(candidate.folder, epoch).is_file() for epoch in wanted)
