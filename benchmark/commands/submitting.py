"""Write, check and register a method."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.terminal import at_the_top, console, plainly, warn
from benchmark.errors import UserError


def new(name: Annotated[str, typer.Argument(help="the method's id: small letters, digits and _")]) -> None:
    """Write methods/NAME.py, a small method that already runs, to start from."""
    at_the_top()
    from benchmark.submitting.new import write_method

    path = write_method(name)
    plainly(f"Wrote {path}. Edit it, then:\n  beyond check {path}\n  beyond register\n  dvc repro digits@{name}")


def check(file: Annotated[Path, typer.Argument(help="a method's file, such as methods/mine.py")]) -> None:
    """Check a method's file in under a minute, in a sandbox: claims, isolation, learning, seeds, cost, backbones."""
    at_the_top()
    from benchmark.submitting.check.sandboxed import print_findings

    if not file.is_file():
        raise UserError(f"There is no file {file}.")
    if not print_findings(file, console):
        sys.exit(1)


def register() -> None:
    """Add methods/*.py to the pipeline: stages in params.yaml, golden trajectories, lines in the README."""
    at_the_top()
    from benchmark.submitting.register import register, without_suite

    new = register()
    plainly(f"Registered: {', '.join(new)}." if new else "All methods were registered; what changed is renewed.")
    plainly(
        "Stages are in params.yaml, trajectories in benchmark/engine/golden.json, lines in README.md and tables in "
        "results/: see `git diff`, and commit them with the methods."
    )
    for name in without_suite():
        warn(
            f"No suite trains {name} yet, as its `everywhere` is False: name it in `methods` of one in suites.yaml, "
            "and in the lists of that suite's stages in dvc.yaml."
        )
