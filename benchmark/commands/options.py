"""Options that several commands take."""

import re
from typing import Annotated, Literal

import typer

from benchmark.errors import UserError


def _checked(jobs: int | None) -> int | None:
    from benchmark.running.slots import check_jobs

    check_jobs(jobs)
    return jobs


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found or not float(found[1]):
        raise UserError(f"--time-limit {text!r} is no time; write 90s, 9m or 1.5h.")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


SuiteName = Annotated[str, typer.Argument(help="a suite of suites.yaml")]
OnlyMethods = Annotated[list[str] | None, typer.Option("--method", help="only this method; may be repeated")]
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
