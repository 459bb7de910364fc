"""Train the cells of suites, search recipes, examine what was trained."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark import git
from benchmark.commands.options import (
    Jobs,
    NeedsOfJob,
    OnlyMethods,
    Parallel,
    Processes,
    SuiteName,
    TimeLimit,
    Weights,
    Where,
)
from benchmark.commands.terminal import OUT_OF_TIME, at_the_top, complain, console, plainly, warn
from benchmark.ending import MISTAKE
from benchmark.errors import UserError
from benchmark.schema.text import printable

if TYPE_CHECKING:
    from benchmark.schema.record import Record


def run(
    suite: SuiteName,
    method: OnlyMethods = None,
    again: Annotated[bool, typer.Option("--again", help="train finished cells, too")] = False,
    protocol: Annotated[str | None, typer.Option(help="only this one: shared, tuned or paper")] = None,
    jobs: Jobs = None,
    time_limit: TimeLimit = None,
    keep_weights: Weights = False,
    gpus_per_cell: Processes = 1,
    parallel: Parallel = None,
    where: Where = "local",
    needs: NeedsOfJob = "",
) -> None:
    """Train the cells of a suite that are not finished yet, and write records and tables."""
    at_the_top()
    from benchmark.running.asked import RunOptions, check_asked
    from benchmark.running.executors import executor
    from benchmark.running.methods import methods_of
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import OutOfTime, run_suite
    from benchmark.running.worker import Worker
    from benchmark.schema.suite import load_suite
    from benchmark.tables.files import write_tables

    asked = load_suite(suite)  # a misspelt name is said first
    check_asked(suite, asked, method or [], protocol)
    if asked.examine:
        from benchmark.examining.examination import options_of

        options_of(suite, asked)  # what nobody could be asked afterwards is said before anything trains
    if Worker.given():
        raise UserError("Processes of torchrun train one cell: `torchrun ... --no-python beyond cell SUITE --index N`.")
    left_out = _left_out(method)
    unclean = _said_whether_unclean()
    chosen = method or methods_of(asked, left_out)
    if parallel:
        _check_alone(gpus_per_cell)
        chosen = _those_in_parallel(chosen, named=bool(method))
    options = RunOptions(
        protocol=protocol,
        again=again,
        seconds=_no_end(time_limit),
        keep_weights=keep_weights,
        gpus_per_cell=gpus_per_cell,
        parallel=parallel is not None,
    )
    trains = executor(where, jobs, needs)
    try:
        with ProgressBar(suite, console) as bar:
            records = run_suite(suite, chosen, bar, options, trains)
    except OutOfTime as reason:
        write_tables(complain=warn)
        warn(str(reason))
        sys.exit(OUT_OF_TIME)
    write_tables(complain=warn)
    if not unclean:
        _say_which_are_of_no_commit(records, known=unclean is False)
    if left_out:
        sys.exit(MISTAKE)


def cell(
    suite: SuiteName,
    index: Annotated[int, typer.Option(help="which of its cells, from 0 on, in the order of methods")],
    method: Annotated[list[str] | None, typer.Option(help="count only the cells of this one; may be repeated")] = None,
    protocol: Annotated[str | None, typer.Option(help="count only this one's: shared, tuned or paper")] = None,
    time_limit: TimeLimit = None,
    keep_weights: Weights = False,
    gpus_per_cell: Processes = 1,
    parallel: Parallel = None,
    again: Annotated[bool, typer.Option("--again", help="train it though it is finished")] = False,
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="train nothing; find out for all seeds of its row, on a processor, what they share"
        ),
    ] = False,
    heartbeat: Annotated[
        Path | None, typer.Option(help="say in this file, every ten seconds, how far it is; no progress bar then")
    ] = None,
) -> None:
    """Train one cell and keep its record, for sbatch --array or xargs; `beyond run` writes the tables afterwards.

    Processes that torchrun has started train it together.
    """
    at_the_top()
    from benchmark.running.asked import RunOptions
    from benchmark.running.executors.heartbeat import Heartbeat
    from benchmark.running.methods import methods_of
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import OutOfTime, run_suite
    from benchmark.running.store import WORTH_KEEPING
    from benchmark.running.worker import Worker
    from benchmark.schema.suite import load_suite

    chosen = method or methods_of(load_suite(suite))
    worker = Worker.given()
    if parallel:
        _check_alone(gpus_per_cell if worker is None else worker.size)
    options = RunOptions(
        protocol=protocol,
        index=index,
        again=again,
        seconds=_no_end(time_limit),
        keep_weights=keep_weights,
        gpus_per_cell=gpus_per_cell,
        parallel=parallel is not None,
        worker=worker,
        prepare=prepare,
    )
    try:
        with Heartbeat(heartbeat, console) if heartbeat else ProgressBar(f"{suite} {index}", console) as observer:
            records = run_suite(suite, chosen, observer, options)
    except OutOfTime as reason:
        warn(str(reason))
        sys.exit(OUT_OF_TIME)
    if any(record.status not in WORTH_KEEPING for record in records):
        sys.exit(1)


def _no_end(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds


def _left_out(named: Sequence[str] | None) -> dict[str, str]:
    """Where nobody names methods: those whose files cannot be used, by name, and why, which is said here."""
    from benchmark.running.methods import unusable_methods

    found = {} if named else unusable_methods()
    for sentence in found.values():
        warn(f"{sentence} The other methods go on.")
    return found


def _said_whether_unclean() -> bool | None:
    """What :func:`benchmark.git.dirty` says; a person hears what records will say of it."""
    unclean = git.dirty()
    if unclean is None:
        plainly(printable(git.trouble()))
    elif unclean:
        plainly("Methods, suites or the engine have uncommitted changes, and records will say so (git_dirty).")
    return unclean


def _those_in_parallel(methods: Sequence[str], named: bool) -> list[str]:
    """The methods whose modules can train at the same time; the others are said.

    Raises:
        UserError: one of those that somebody has ``named`` cannot.
    """
    from benchmark.running.methods import not_parallel

    refused = not_parallel(methods)
    if named and refused:
        raise UserError(next(iter(refused.values())))
    for sentence in refused.values():
        plainly(printable(sentence))
    return [name for name in methods if name not in refused]


def _check_alone(processes: int) -> None:
    if processes > 1:
        raise UserError("--parallel modules has a process for each module; leave --gpus-per-cell and torchrun out.")


def _say_which_are_of_no_commit(records: Sequence["Record"], known: bool) -> None:
    """Of a tree that is not edited: which records were made of another state, or (of a known tree) of none known."""
    said = [record.provenance.git_dirty for record in records if record.provenance]
    edited = "were made before their changes were committed, and say so (git_dirty)"
    unknown = "were made where git did not say of which commit, and say so (git_dirty: null)"
    for count, what in ((said.count(True), edited), (known * said.count(None), unknown)):
        if count:
            plainly(f"{count} of {len(records)} records {what}; --again trains all anew.")


def tune(
    suite: Annotated[str, typer.Argument(help="a suite of suites.yaml that has the protocol tuned")],
    method: OnlyMethods = None,
    more: Annotated[
        int, typer.Option(min=0, max=1000, help="try so many more configurations than the budget; never chosen")
    ] = 0,
    jobs: Jobs = None,
) -> None:
    """Search each method's recipe on the validation split, all with one budget, and keep every trial."""
    at_the_top()
    from benchmark.running.asked import check_asked
    from benchmark.running.methods import methods_of
    from benchmark.running.progress import ProgressBar
    from benchmark.schema.suite import load_suite
    from benchmark.tuning.search import tune as search

    asked = load_suite(suite)
    check_asked(suite, asked, method or [])
    left_out = _left_out(method)
    with ProgressBar(f"tune {suite}", console) as bar:
        found = search(suite, method or methods_of(asked, left_out), bar, jobs=jobs, further=more)
    unended = [one.method for one in found if one.chosen is None]
    for name in unended:
        complain(f"No full trial of {name} ended; see results/tuned/{suite}/{name}.json.", "red")
    if unended or left_out:
        sys.exit(1 if unended else MISTAKE)


def examine(
    suite: Annotated[str, typer.Argument(help="a track: a suite of suites.yaml with a block `examine`")],
    method: OnlyMethods = None,
    again: Annotated[bool, typer.Option("--again", help="examine what is examined already, too")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="examine again what is examined, compare, write nothing")
    ] = False,
    jobs: Jobs = None,
) -> None:
    """Examine the trained networks of a track, train again those that are not kept here, and write tables."""
    at_the_top()
    from benchmark.examining.run import check_suite, examine_suite
    from benchmark.running.methods import methods_of
    from benchmark.running.progress import ProgressBar
    from benchmark.schema.suite import load_suite
    from benchmark.tables.files import tables_afterwards

    chosen = method or methods_of(load_suite(suite))
    if check:
        with ProgressBar(f"check {suite}", console) as bar:
            odd = check_suite(suite, chosen, bar, jobs=jobs)
        for sentence in odd:
            complain(sentence, "red")
        sys.exit(1 if odd else 0)
    with tables_afterwards(), ProgressBar(f"examine {suite}", console) as bar:
        examine_suite(suite, chosen, bar, again=again, jobs=jobs)
