"""Before anything trains: what it will take, what fits, where networks can be cut, and whether a GPU is sound."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmark.commands.options import Batch, Gpu, Image, Jobs, Methods, OnlyMethods, Shown, TimeLimit
from benchmark.commands.terminal import (
    OUT_OF_TIME,
    at_the_top,
    complain,
    complain_of_broken_methods,
    console,
    plainly,
    warn,
)
from benchmark.errors import UserError

LIMIT_OF_CHECK = 9 * 60.0  # seconds of a GPU


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
    from benchmark.planning.plan import print_network, print_plan, print_speed
    from benchmark.planning.published import print_published_check
    from benchmark.running.asked import check_asked
    from benchmark.running.turns import PLANS
    from benchmark.schema.suite import load_suite

    if [published, suite is not None, backbone is not None].count(True) != 1:
        raise UserError("Say what to plan: a suite (`beyond plan cifar10_core`), --backbone resnet50, or --published.")
    if save and (parallel or not suite):
        raise UserError("--save is for the table of a suite (`beyond plan cifar10_core --save`); leave it out.")
    complain_of_broken_methods()
    if published:
        print_published_check(console)
    elif parallel:
        print_speed(suite, backbone, image, batch, method, console)
    elif suite is not None:
        check_asked(suite, load_suite(suite), method or [])
        print_plan(suite, console, PLANS if save else None, jobs, On(gpu, pictures), method)
        for sentence in examining_in_words(suite, method):
            plainly(sentence, "dim")
    elif backbone is not None:
        print_network(backbone, image, batch, method, console, jobs, On(gpu, pictures))


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

    complain_of_broken_methods()
    print_fit(backbone, image, batch, memory, method, console, jobs, On(gpu, pictures))


def gpu_check(
    method: OnlyMethods = None,
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
    report = gpu_check(*asked, LIMIT_OF_CHECK if time_limit is None else time_limit, save, plainly)
    for sentence in report.faults:
        complain(sentence, "red")
    plainly(f"All of it is in {save} and {save.with_suffix('.md')}.")
    if report.unreached:
        warn(f"The time was up before: {'; '.join(report.unreached)}.")
        sys.exit(OUT_OF_TIME)
    if report.faults:
        sys.exit(1)


def cuts() -> None:
    """Find the cut points of one small model of every timm family; writes results/cut_points.csv."""
    at_the_top()
    from benchmark.planning.cut_table import write

    write(Path("results/cut_points.csv"))
