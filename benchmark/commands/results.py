"""Train again what was recorded, and read the results."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.options import Jobs, OnlyMethods, SuiteName
from benchmark.commands.terminal import at_the_top, complain_of_broken_methods, console, plainly, warn
from benchmark.errors import UserError


def reproduce(
    suite: SuiteName,
    protocol: Annotated[str | None, typer.Option(help="which of the suite's; by default the leading one")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="only the first so many of each row")] = None,
    jobs: Jobs = None,
) -> None:
    """Train a suite again from nothing, compare with the committed records, and print the leaderboard."""
    at_the_top()
    from benchmark.running.asked import RunOptions, check_asked
    from benchmark.running.executors import Local
    from benchmark.running.methods import methods_of
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import run_suite
    from benchmark.running.store import RUNS
    from benchmark.schema.suite import load_suite
    from benchmark.tables.board import leaderboard
    from benchmark.tables.cells import load
    from benchmark.tables.terminal import print_leaderboard
    from benchmark.verifying.reproduce import SCRATCH, committed_records, compare, print_comparison

    asked = load_suite(suite)
    check_asked(suite, asked, [], protocol)
    protocol = protocol or asked.leading
    committed = committed_records(RUNS / suite, protocol)
    with ProgressBar(suite, console) as bar:
        recorded = {record.identity.method for record in committed.values()}
        trained = methods_of(asked)
        methods = [name for name in trained if name in recorded]
        if new := [name for name in trained if name not in recorded]:
            bar.note(f"Nothing is committed of {', '.join(new)}: left out.")
        runs, options = SCRATCH / "runs", RunOptions(protocol=protocol, seeds=seeds)
        run_suite(suite, methods, bar, options, Local(jobs), runs, SCRATCH / "cells")
    print_leaderboard(leaderboard(load(runs)), console)
    comparison = compare(committed, committed_records(runs / suite, protocol), seeds)
    print_comparison(comparison, console)
    shutil.rmtree(SCRATCH)
    if not comparison.reproduced:
        sys.exit(1)


def verify(
    suite: Annotated[list[str] | None, typer.Argument(help="suites of suites.yaml; none: all with records")] = None,
    method: OnlyMethods = None,
    sample: Annotated[int, typer.Option(min=1, help="so many cells, at random")] = 5,
    trials: Annotated[int | None, typer.Option(min=1, help="in place of cells so many trials of searches")] = None,
    jobs: Jobs = None,
) -> None:
    """Train sampled cells again from nothing, in a sandbox, and compare with their committed records."""
    at_the_top()
    if trials:
        _verify_trials(suite or [], method or [], trials, jobs)
        return
    from benchmark.running.progress import ProgressBar
    from benchmark.sandbox.run import protections
    from benchmark.tables.files import tables_afterwards
    from benchmark.verifying.all_again import runnable
    from benchmark.verifying.verify import claims, too_high, verify
    from benchmark.verifying.verify import sample as draw

    found, unfit = claims(suite or [], method or [])
    found, missing = runnable(found)
    for sentence in [*(p.sentence for p in protections() if not p.available), *unfit, *missing]:
        plainly(sentence, "yellow")
    chosen = draw(found, sample)
    with tables_afterwards(), ProgressBar("verify", console) as bar:  # of what is known, should it be interrupted
        outcomes = list(verify(chosen, bar, jobs))
    faults = too_high(found, chosen)
    for sentence in faults:
        plainly(sentence, "red")
    if faults or len(outcomes) < len(chosen) or any(outcome.verdict == "failed" for outcome in outcomes):
        sys.exit(1)


def _verify_trials(suites: list[str], methods: list[str], size: int, jobs: int | None) -> None:
    from benchmark.running.progress import ProgressBar
    from benchmark.sandbox.run import protections
    from benchmark.verifying.all_again import runnable
    from benchmark.verifying.trials import sample, trials, verify_trials

    found, unfit, forged = trials(suites, methods)
    found, missing = runnable(found) if found else ([], [])
    for sentence in [*(p.sentence for p in protections() if not p.available), *unfit, *missing]:
        plainly(sentence, "yellow")
    for sentence in forged:
        plainly(sentence, "red")
    chosen = sample(found, size)
    with ProgressBar("verify", console) as bar:
        faults = list(verify_trials(chosen, bar, jobs))
    if forged or len(faults) < len(chosen) or any(faults):
        sys.exit(1)


def table(suite: Annotated[str | None, typer.Argument(help="only this suite")] = None) -> None:
    """Write the tables of results/ anew from the records, and print the leaderboard."""
    at_the_top()
    from benchmark.tables.files import RESULTS, write_tables
    from benchmark.tables.terminal import print_leaderboard

    known = sorted({path.parts[-3] for path in (RESULTS / "runs").glob("*/*/*.json")})
    if suite is not None and suite not in known:  # said before tables are written, which takes a while
        raise UserError(f"There are no records of a suite {suite!r}; there are of {', '.join(known) or 'none'}.")
    board = write_tables(complain=warn)
    complain_of_broken_methods()
    print_leaderboard(board[board["suite"] == suite] if suite is not None else board, console)


def claims(claim: Annotated[str | None, typer.Argument(help="only this one, with all its settings")] = None) -> None:
    """Write the tables of results/ anew, and print the verdict on each claim of claims.yaml."""
    at_the_top()
    from benchmark.schema.claims import NAME, read_claims
    from benchmark.tables.claims_printed import check_claim, print_claims
    from benchmark.tables.files import RESULTS, write_tables

    if claim is not None and (known := read_claims(Path(NAME))):
        check_claim(claim, list(known))
    write_tables()
    print_claims(RESULTS, claim, console)


def dashboard() -> None:
    """Open the leaderboard in a browser."""
    at_the_top()
    from streamlit.web import cli

    sys.argv = ["streamlit", "run", str(Path("dashboard") / "app.py")]
    cli.main()


def export(
    folder: Annotated[Path, typer.Argument(help="where to; an earlier export is replaced")] = Path("site"),
) -> None:
    """Write the leaderboard as a folder of static pages, for GitHub Pages or to open as files."""
    from benchmark.display.reading import results_folder
    from benchmark.export.site import export as write_site

    pages = write_site(results_folder(), folder)
    plainly(f"{pages} pages are in {folder}; open {folder / 'index.html'}.")
