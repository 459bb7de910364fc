"""The command line, ``beyond``: thin commands; a user's mistake is one sentence and exit 2."""

import io
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from benchmark import git
from benchmark.ending import LONGEST_SENTENCE, MISTAKE, UNREAD, listening, one_sentence
from benchmark.errors import UserError
from benchmark.schema.checkout import check_one_checkout
from benchmark.schema.text import printable

if TYPE_CHECKING:
    from benchmark.schema.record import Record


OUT_OF_TIME = 124  # exit code, as of timeout(1)
LIMIT_OF_CHECK = 9 * 60.0  # seconds of a GPU


class Output(Console):
    """Standard output; that nobody reads it any more is told like all that ends a command."""

    def on_broken_pipe(self) -> None:
        """End the command; what is printed on the way out goes nowhere."""
        self.quiet = True
        raise UserError(UNREAD)


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Output()


def _checked(jobs: int | None) -> int | None:
    from benchmark.running.slots import check_jobs

    check_jobs(jobs)
    return jobs


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found or not float(found[1]):
        raise UserError(f"--time-limit {text!r} is no time; write 90s, 9m or 1.5h.")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


TimeLimit = Annotated[
    float | None,
    typer.Option(
        parser=_seconds,
        metavar="TIME",
        help="stop after so long (90s, 9m, 1.5h) and keep what is under way; the same command goes on with it",
    ),
]
Weights = Annotated[
    bool, typer.Option("--keep-weights", help="keep trained networks as .beyond/weights/*.safetensors, as timm names")
]
Processes = Annotated[
    int,
    typer.Option(
        "--gpus-per-cell",
        min=1,
        max=1024,
        help="train each cell in so many processes, each with a GPU (for a suite on processors: a core) and its share "
        "of every batch",
    ),
]
Parallel = Annotated[
    Literal["modules"] | None,
    typer.Option(help="train each module of a cell in a process, and on a GPU or core, of its own"),
]
Where = Annotated[
    Literal["local", "slurm", "ray"],
    typer.Option("--executor", envvar="BEYOND_EXECUTOR", help="train cells here, or as jobs of a cluster"),
]
NeedsOfJob = Annotated[
    str,
    typer.Option(
        "--needs",
        envvar="BEYOND_NEEDS",
        metavar="NEEDS",
        help="of a job of a cluster, where not as the suite says: gpus=1,cpus=8,memory=32GB,minutes=600",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(callback=_checked, help="so many cells side by side; by default one for each core or GPU"),
]


def main() -> None:
    """The command line within a process that does something else, too; ``beyond`` itself begins in ``entry``."""
    with listening(), one_sentence():
        run_command()


def run_command() -> None:
    """Run the command that the process's arguments name.

    Raises:
        UserError: they name none, or it cannot be done.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal without our signs shows them spelt out, and no traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer and rich end silently
            raise UserError(UNREAD) from None
        raise
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own errors; it keeps their class to itself
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
            sys.exit(MISTAKE)
        raise UserError(f"{error.format_message().rstrip('.')}; `beyond --help` shows what there is.") from None
    if isinstance(code, int) and code:
        sys.exit(code)


def at_the_top() -> None:
    """Make sure that this is a checkout.

    Raises:
        UserError: it is not; nothing is written then.
    """
    for name in ("suites.yaml", "methods", "datasets"):
        if not Path(name).exists():
            raise UserError(
                f"This is no checkout (there is no {name} here); run `beyond` from the top of the repository."
            )


def _complain(sentence: str, style: str) -> None:
    Console(stderr=True).print(
        printable(sentence, LONGEST_SENTENCE), style=style, highlight=False, markup=False, soft_wrap=True
    )


@app.callback()
def every_command() -> None:
    """Train deep networks without end-to-end backpropagation, and compare."""
    check_one_checkout()


@app.command()
def run(
    suite: Annotated[str, typer.Argument(help="a suite of suites.yaml")],
    method: Annotated[list[str] | None, typer.Option(help="only this method; may be repeated")] = None,
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
    from benchmark.running.executors import executor
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import OutOfTime, check_asked, methods_of, not_parallel, run_suite, unusable_methods
    from benchmark.running.seat import Seat
    from benchmark.schema.suite import load_suite
    from benchmark.tables.files import write_tables

    asked = load_suite(suite)  # a misspelt name is said first
    check_asked(suite, asked, method or [], protocol)
    if asked.examine:
        from benchmark.examining.examination import options_of

        options_of(suite, asked)  # what nobody could be asked afterwards is said before anything trains
    if Seat.given():
        raise UserError("Processes of torchrun train one cell: `torchrun ... --no-python beyond cell SUITE --index N`.")
    left_out = {} if method else unusable_methods()
    for sentence in left_out.values():
        _complain(f"{sentence} The other methods go on.", "yellow")
    unclean = git.dirty()
    if unclean is None:
        console.print(printable(git.trouble()), highlight=False, markup=False, soft_wrap=True)
    elif unclean:
        console.print("Methods, suites or the engine have uncommitted changes, and records will say so (git_dirty).")
    seconds = float("inf") if time_limit is None else time_limit
    chosen = method or methods_of(asked, left_out)
    if parallel:
        _check_alone(gpus_per_cell)
        refused = not_parallel(chosen)
        if method and refused:
            raise UserError(next(iter(refused.values())))
        for sentence in refused.values():
            console.print(printable(sentence), highlight=False, markup=False, soft_wrap=True)
        chosen = [name for name in chosen if name not in refused]
    trains = executor(where, jobs, needs)
    try:
        with ProgressBar(suite, console) as bar:
            records = run_suite(
                suite,
                chosen,
                bar,
                executor=trains,
                again=again,
                protocol=protocol,
                seconds=seconds,
                keep_weights=keep_weights,
                gpus_per_cell=gpus_per_cell,
                parallel=parallel is not None,
            )
    except OutOfTime as reason:
        write_tables()
        _complain(str(reason), "yellow")
        sys.exit(OUT_OF_TIME)
    write_tables()
    if not unclean:
        _say_which_are_of_no_commit(records, known=unclean is False)
    if left_out:
        sys.exit(MISTAKE)


@app.command()
def cell(
    suite: Annotated[str, typer.Argument(help="a suite of suites.yaml")],
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
    from benchmark.running.executors.heartbeat import Heartbeat
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import WORTH_KEEPING, OutOfTime, methods_of, run_suite
    from benchmark.running.seat import Seat
    from benchmark.schema.suite import load_suite

    chosen = method or methods_of(load_suite(suite))
    seconds, seat = float("inf") if time_limit is None else time_limit, Seat.given()
    if parallel:
        _check_alone(gpus_per_cell if seat is None else seat.size)
    try:
        with Heartbeat(heartbeat, console) if heartbeat else ProgressBar(f"{suite} {index}", console) as observer:
            records = run_suite(
                suite,
                chosen,
                observer,
                again=again,
                protocol=protocol,
                seconds=seconds,
                keep_weights=keep_weights,
                index=index,
                gpus_per_cell=gpus_per_cell,
                seat=seat,
                parallel=parallel is not None,
                prepare=prepare,
            )
    except OutOfTime as reason:
        _complain(str(reason), "yellow")
        sys.exit(OUT_OF_TIME)
    if any(record.status not in WORTH_KEEPING for record in records):
        sys.exit(1)


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
            console.print(f"{count} of {len(records)} records {what}; --again trains all anew.", soft_wrap=True)


@app.command()
def tune(
    suite: Annotated[str, typer.Argument(help="a suite of suites.yaml that has the protocol tuned")],
    method: Annotated[list[str] | None, typer.Option(help="only this method; may be repeated")] = None,
    more: Annotated[
        int, typer.Option(min=0, max=1000, help="try so many more configurations than the budget; never chosen")
    ] = 0,
    jobs: Jobs = None,
) -> None:
    """Search each method's recipe on the validation split, all with one budget, and keep every trial."""
    at_the_top()
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import check_asked, methods_of, unusable_methods
    from benchmark.schema.suite import load_suite
    from benchmark.tuning.search import tune as search

    asked = load_suite(suite)
    check_asked(suite, asked, method or [])
    left_out = {} if method else unusable_methods()
    for sentence in left_out.values():
        _complain(f"{sentence} The other methods go on.", "yellow")
    with ProgressBar(f"tune {suite}", console) as bar:
        found = search(suite, method or methods_of(asked, left_out), bar, jobs=jobs, further=more)
    unended = [one.method for one in found if one.chosen is None]
    for name in unended:
        _complain(f"No full trial of {name} ended; see results/tuned/{suite}/{name}.json.", "red")
    if unended or left_out:
        sys.exit(1 if unended else MISTAKE)


@app.command()
def examine(
    suite: Annotated[str, typer.Argument(help="a track: a suite of suites.yaml with a block `examine`")],
    method: Annotated[list[str] | None, typer.Option(help="only this method; may be repeated")] = None,
    again: Annotated[bool, typer.Option("--again", help="examine what is examined already, too")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="examine again what is examined, compare, write nothing")
    ] = False,
    jobs: Jobs = None,
) -> None:
    """Examine the trained networks of a track, train again those that are not kept here, and write tables."""
    at_the_top()
    from benchmark.examining.run import check_suite, examine_suite
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import methods_of
    from benchmark.schema.suite import load_suite
    from benchmark.tables.files import write_tables

    chosen = method or methods_of(load_suite(suite))
    if check:
        with ProgressBar(f"check {suite}", console) as bar:
            odd = check_suite(suite, chosen, bar, jobs=jobs)
        for sentence in odd:
            _complain(sentence, "red")
        sys.exit(1 if odd else 0)
    try:
        with ProgressBar(f"examine {suite}", console) as bar:
            examine_suite(suite, chosen, bar, again=again, jobs=jobs)
    finally:
        write_tables()


@app.command()
def reproduce(
    suite: Annotated[str, typer.Argument(help="a suite of suites.yaml")],
    protocol: Annotated[str | None, typer.Option(help="which of the suite's; by default the leading one")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="only the first so many of each row")] = None,
    jobs: Jobs = None,
) -> None:
    """Train a suite again from nothing, compare with the committed records, and print the leaderboard."""
    at_the_top()
    from benchmark.running.progress import ProgressBar
    from benchmark.running.run import RUNS, check_asked, methods_of, run_suite
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
        runs, kept = SCRATCH / "runs", SCRATCH / "cells"
        run_suite(suite, methods, bar, runs=runs, kept=kept, jobs=jobs, protocol=protocol, seeds=seeds)
    print_leaderboard(leaderboard(load(SCRATCH / "runs")), console)
    comparison = compare(committed, committed_records(SCRATCH / "runs" / suite, protocol), seeds)
    print_comparison(comparison, console)
    shutil.rmtree(SCRATCH)
    if not comparison.reproduced:
        sys.exit(1)


@app.command()
def table(suite: Annotated[str | None, typer.Argument(help="only this suite")] = None) -> None:
    """Write the tables of results/ anew from the records, and print the leaderboard."""
    at_the_top()
    from benchmark.schema.plugins import broken_methods
    from benchmark.tables.files import RESULTS, write_tables
    from benchmark.tables.terminal import print_leaderboard

    known = sorted({path.parts[-3] for path in (RESULTS / "runs").glob("*/*/*.json")})
    if suite and suite not in known:  # said before tables are written, which takes a while
        raise UserError(f"There are no records of a suite {suite!r}; there are of {', '.join(known) or 'none'}.")
    board = write_tables()
    for sentence in broken_methods().values():
        _complain(sentence, "yellow")
    print_leaderboard(board[board["suite"] == suite] if suite else board, console)


@app.command()
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


Image = Annotated[int, typer.Option(help="pixels of a picture's side")]
Batch = Annotated[int, typer.Option(help="pictures a step")]
Methods = Annotated[list[str] | None, typer.Option(help="only this method, beside the references; may be repeated")]
Gpu = Annotated[
    str | None,
    typer.Option(
        parser=str.lower,
        metavar="NAME",
        help="hours on it, assumed, not measured: t4, v100, a100, l4, rtx4090, h100 or h200",
    ),
]
Shown = Annotated[int, typer.Option("--pictures", min=1, help="of --gpu: that a training shows, all epochs together")]


@app.command()
def plan(
    suite: Annotated[str | None, typer.Argument(help="a suite of suites.yaml")] = None,
    backbone: Annotated[str | None, typer.Option(help="in place of a suite: any network of timm")] = None,
    image: Image = 224,
    batch: Batch = 128,
    method: Methods = None,
    published: Annotated[bool, typer.Option(help="compare with the papers' memory figures instead")] = False,
    save: Annotated[bool, typer.Option(help="write results/plans/SUITE.csv, which the dashboard shows")] = False,
    gpu: Gpu = None,
    pictures: Shown = 1_000_000,
    parallel: Annotated[
        Literal["modules"] | None,
        typer.Option(help="time each module here instead, and predict what training them at the same time gains"),
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Predict memory and FLOPs of every row of a suite, or on any network, before anything runs; no GPU needed."""
    at_the_top()
    from benchmark.examining.predicted import examining_in_words
    from benchmark.planning.gpus import On
    from benchmark.planning.plan import PLANS, print_network, print_plan, print_speed
    from benchmark.planning.published import print_published_check
    from benchmark.running.run import check_asked
    from benchmark.schema.suite import load_suite

    if [published, suite is not None, backbone is not None].count(True) != 1:
        raise UserError("Say what to plan: a suite (`beyond plan cifar10_core`), --backbone resnet50, or --published.")
    if save and (parallel or not suite):
        raise UserError("--save is for the table of a suite (`beyond plan cifar10_core --save`); leave it out.")
    _complain_of_broken_methods()
    if published:
        print_published_check(console)
    elif parallel:
        print_speed(suite, backbone, image, batch, method, console)
    elif suite:
        check_asked(suite, load_suite(suite), method or [])
        print_plan(suite, console, PLANS if save else None, jobs, On(gpu, pictures), method)
        for sentence in examining_in_words(suite, method):
            console.print(sentence, style="dim", highlight=False)
    elif backbone:
        print_network(backbone, image, batch, method, console, jobs, On(gpu, pictures))


@app.command()
def fit(
    backbone: Annotated[str, typer.Argument(help="any network of timm")],
    memory: Annotated[str, typer.Option(help="of the card, such as 8GB")],
    image: Image = 224,
    batch: Batch = 128,
    method: Methods = None,
    gpu: Gpu = None,
    pictures: Shown = 1_000_000,
    jobs: Jobs = None,
) -> None:
    """Say which methods and K fit a card, and the largest batch of each, beside gradient checkpointing."""
    at_the_top()
    from benchmark.planning.fit import print_fit
    from benchmark.planning.gpus import On

    _complain_of_broken_methods()
    print_fit(backbone, image, batch, memory, method, console, jobs, On(gpu, pictures))


def _complain_of_broken_methods() -> None:
    from benchmark.schema.plugins import broken_methods

    for sentence in broken_methods().values():
        _complain(sentence, "yellow")


@app.command()
def new(name: Annotated[str, typer.Argument(help="the method's id: small letters, digits and _")]) -> None:
    """Write methods/NAME.py, a small method that already runs, to start from."""
    at_the_top()
    from benchmark.submitting.new import write_method

    path = write_method(name)
    console.print(f"Wrote {path}. Edit it, then:", highlight=False)
    console.print(f"  beyond check {path}", "  beyond register", f"  dvc repro digits@{name}", sep="\n")


@app.command()
def check(file: Annotated[Path, typer.Argument(help="a method's file, such as methods/mine.py")]) -> None:
    """Check a method's file in under a minute, in a sandbox: claims, isolation, learning, seeds, cost, backbones."""
    at_the_top()
    from benchmark.submitting.check.sandboxed import print_findings

    if not file.is_file():
        raise UserError(f"There is no file {file}.")
    if not print_findings(file, console):
        sys.exit(1)


@app.command()
def verify(
    suite: Annotated[list[str] | None, typer.Argument(help="suites of suites.yaml; none: all with records")] = None,
    method: Annotated[list[str] | None, typer.Option(help="only this method; may be repeated")] = None,
    sample: Annotated[int, typer.Option(min=1, help="so many cells, at random")] = 5,
    jobs: Jobs = None,
) -> None:
    """Train sampled cells again from nothing, in a sandbox, and compare with their committed records."""
    at_the_top()
    from benchmark.running.progress import ProgressBar
    from benchmark.sandbox.run import protections
    from benchmark.tables.files import write_tables
    from benchmark.verifying.verify import claims, runnable, too_high, verify
    from benchmark.verifying.verify import sample as draw

    found, unfit = claims(suite or [], method or [])
    found, missing = runnable(found)
    for sentence in [*(p.sentence for p in protections() if not p.available), *unfit, *missing]:
        console.print(sentence, style="yellow", highlight=False, markup=False, soft_wrap=True)
    chosen = draw(found, sample)
    try:
        with ProgressBar("verify", console) as bar:
            outcomes = list(verify(chosen, bar, jobs))
    finally:
        write_tables()  # of what is known, should it be interrupted
    faults = too_high(found, chosen)
    for sentence in faults:
        console.print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
    if faults or len(outcomes) < len(chosen) or any(outcome.verdict == "failed" for outcome in outcomes):
        sys.exit(1)


@app.command()
def train(
    data: Annotated[
        Path,
        typer.Option(help="pictures: train/CLASS/ and val/CLASS/, or CLASS/ alone; or tar, WebDataset, Arrow files"),
    ],
    backbone: Annotated[str, typer.Option(help="a network that timm knows")] = "resnet50",
    method: Annotated[str, typer.Option(help="a method's id, or its file")] = "infopro",
    modules: Annotated[int, typer.Option(min=1, help="so many gradient-isolated modules")] = 4,
    save: Annotated[Path | None, typer.Option(help="write a timm checkpoint there, .safetensors")] = None,
    image: Annotated[int, typer.Option(min=1, help="side of the pictures, pixels")] = 224,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch: Annotated[int, typer.Option(min=1, help="pictures a step")] = 64,
    optimizer: Annotated[str, typer.Option(help="timm's name for it")] = "adamw",
    lr: Annotated[float, typer.Option(help="learning rate")] = 1e-3,
    weight_decay: Annotated[float, typer.Option(help="not of biases and normalisation")] = 0.05,
    warmup_epochs: Annotated[float, typer.Option(min=0)] = 0,
    clip_norm: Annotated[float | None, typer.Option(help="largest norm of a module's gradient")] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="such as 0.1, of methods that learn by cross-entropy")
    ] = None,
    mixup: Annotated[float | None, typer.Option(help="alpha, such as 0.2; cross-entropy alone")] = None,
    cutmix: Annotated[float | None, typer.Option(help="alpha, such as 1; cross-entropy alone")] = None,
    rand_augment: Annotated[int | None, typer.Option(help="magnitude, such as 9")] = None,
    ema: Annotated[float | None, typer.Option(help="decay of an average of the weights, such as 0.999")] = None,
    precision: Annotated[str, typer.Option(help="fp32, tf32 or bf16")] = "fp32",
    recompute: Annotated[bool, typer.Option("--recompute", help="compute blocks again in the backward pass")] = False,
    pretrained: Annotated[bool, typer.Option("--pretrained", help="start from timm's weights")] = False,
    freeze: Annotated[list[str] | None, typer.Option(help="leave this part as it is; may be repeated")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda")] = None,
    workers: Annotated[int, typer.Option(min=0, help="processes that read pictures")] = 2,
    seed: int = 0,
    option: Annotated[list[str] | None, typer.Option(help="of the method, such as beta=0.9; may be repeated")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="keep the training in this file while it goes on, and go on from it")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="train the end-to-end twin, too")] = False,
) -> None:
    """Train a network on your own pictures by any method; needs no checkout and touches no leaderboard."""
    from benchmark.using.command import compared, parsed, trained

    asked = {
        **{"model": backbone, "data": data, "method": method, "modules": modules},
        **{"image": image, "pretrained": pretrained, "frozen": freeze or [], "ema": ema, "device": device},
        **{"workers": workers, "seed": seed, "epochs": epochs, "batch": batch, "optimizer": optimizer, "lr": lr},
        **{"weight_decay": weight_decay, "warmup_epochs": warmup_epochs, "clip_norm": clip_norm},
        **{"label_smoothing": label_smoothing, "mixup": mixup, "cutmix": cutmix, "rand_augment": rand_augment},
        **{"precision": precision, "options": parsed(option or []), "checkpoint": checkpoint},
        "recompute": "units" if recompute else "none",
    }
    if compare and checkpoint:
        raise UserError("--compare trains two networks, and a checkpoint is of one; leave one of the two out.")
    (compared if compare else trained)(console, asked, save)


@app.command()
def gpu_check(
    method: Annotated[list[str] | None, typer.Option(help="only this method; may be repeated")] = None,
    device: Annotated[str, typer.Option(help="cuda, or cpu, which makes the same steps there")] = "cuda",
    time_limit: TimeLimit = None,
    save: Annotated[Path, typer.Option(help="where to keep what is found, .json; a table goes beside it, .md")] = Path(
        ".beyond/gpu-check.json"
    ),
) -> None:
    """Check a GPU in under ten minutes: losses as on the CPU, repeatability, cells, memory, speed, the sandbox."""
    at_the_top()
    from benchmark.gpu.check import check_asked, gpu_check

    asked = check_asked(method or [], device, save)
    report = gpu_check(*asked, LIMIT_OF_CHECK if time_limit is None else time_limit, save, _plainly)
    for sentence in report.faults:
        _complain(sentence, "red")
    _plainly(f"All of it is in {save} and {save.with_suffix('.md')}.")
    if report.unreached:
        _complain(f"The time was up before: {'; '.join(report.unreached)}.", "yellow")
        sys.exit(OUT_OF_TIME)
    if report.faults:
        sys.exit(1)


def _plainly(sentence: str) -> None:
    console.print(sentence, highlight=False, markup=False, soft_wrap=True)


@app.command()
def cuts() -> None:
    """Find the cut points of one small model of every timm family; writes results/cut_points.csv."""
    at_the_top()
    from benchmark.planning.cut_table import write

    write(Path("results/cut_points.csv"))


@app.command()
def register() -> None:
    """Add methods/*.py to the pipeline: stages in params.yaml, golden trajectories, lines in the README."""
    at_the_top()
    from benchmark.submitting.register import register

    new = register()
    console.print(f"Registered: {', '.join(new)}." if new else "All methods were registered; what changed is renewed.")
    console.print(
        "Stages are in params.yaml, trajectories in benchmark/engine/golden.json, lines in README.md and tables in "
        "results/: see `git diff`, and commit them with the methods.",
        soft_wrap=True,
    )


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="where to; an earlier export is replaced")] = Path("site"),
) -> None:
    """Write the leaderboard as a folder of static pages, for GitHub Pages or to open as files."""
    from benchmark.display.reading import results_folder
    from benchmark.export.site import export as write_site

    pages = write_site(results_folder(), folder)
    console.print(f"{pages} pages are in {folder}; open {folder / 'index.html'}.", highlight=False, markup=False)


@app.command()
def dashboard() -> None:
    """Open the leaderboard in a browser."""
    at_the_top()
    from streamlit.web import cli

    sys.argv = ["streamlit", "run", str(Path("dashboard") / "app.py")]
    cli.main()
