"""What a person sees of `beyond train`: progress, the curve, what came of it, and the end-to-end twin beside it."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.console import Console
from rich.table import Table

from benchmark.ending import Interrupted
from benchmark.engine.training.train import Diverged, Epoch
from benchmark.errors import UserError, out_of_memory
from benchmark.running.progress import ProgressBar
from benchmark.schema.suite import TWIN
from benchmark.schema.text import said
from benchmark.using.fit import Fitted, Stopped, fit

STOPPED = 130  # exit code, as shells have it of Ctrl-C


def trained(console: Console, asked: Mapping[str, Any], save: Path | None) -> Fitted:
    """Train, print the curve, and save.

    Args:
        asked: arguments of :func:`benchmark.using.fit.fit`.

    Raises:
        UserError: it cannot be done as asked, or diverged.
    """
    method = asked["method"]
    try:
        with ProgressBar(method, console, counted=False) as bar:
            bar.begin(1, 0)
            told = partial(bar.progress, 0)
            say = bar.note if asked["checkpoint"] else partial(_begins_unkept, bar)
            found = fit(**asked, save=save, on_epoch=lambda _, row: bar.note(_line(row)), on_step=told, say=say)
    except Interrupted as stop:
        stop.kept = _kept(asked["checkpoint"])
        raise
    except Diverged as error:
        raise UserError(f"{error} Try a lower --lr, or --clip-norm 1.") from None
    except Stopped as reason:
        on = "; the same command goes on from there" if reason.kept else ""
        console.print(f"{method} {reason}{on}.", markup=False, soft_wrap=True)
        sys.exit(STOPPED)
    except UserError:
        raise
    except Exception as error:
        raise UserError(_broken(error, asked)) from error
    end = f", saved as {save}" if save else "; nothing was saved, as no --save says where"
    console.print(
        f"{method}: {found.top1:.2f} % of the pictures held out ({found.split}), {found.seconds:.0f} s{end}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return found


def _begins_unkept(bar: ProgressBar, sentence: str) -> None:
    """Without a checkpoint one sentence is said, when nothing is left that could be a mistake."""
    bar.note(sentence)
    bar.note("A stop loses this training; with --checkpoint FILE the same command goes on from there.")


def _kept(checkpoint: Path | None) -> str:
    """What is left of a training that was interrupted elsewhere than between two steps."""
    if checkpoint is None:
        return "nothing is kept, as no --checkpoint says where"
    if checkpoint.exists():
        return f"{checkpoint} keeps what was trained, the same command goes on from there"
    return "nothing is kept yet"


def _broken(error: Exception, asked: Mapping[str, Any]) -> str:
    """What a network or a method says that cannot be trained so, and what is left of the training."""
    if out_of_memory(error):
        where = "The GPU's memory" if isinstance(error, torch.OutOfMemoryError) else "Memory"
        why = (
            f"{where} ran out in training by {asked['method']}: take a smaller --batch or --image, more --modules, "
            f"--recompute or --precision bf16 (`beyond fit {asked['model']} --image {asked['image']} --batch "
            f"{asked['batch']} --memory 8GB`, in a checkout, says what fits)."
        )
    else:
        why = (
            f"{asked['method']} cannot train {asked['model']} on pictures of {asked['image']} pixels in batches of "
            f"{asked['batch']}: {said(error)}."
        )
    checkpoint = asked["checkpoint"]
    return f"{why} {checkpoint} keeps what was trained." if checkpoint and checkpoint.exists() else why


def parsed(options: Sequence[str]) -> dict[str, Any]:
    """Options of a method as they are written in a terminal: NAME=VALUE, the value as YAML has it.

    Raises:
        UserError: one of them is not.
    """
    found = {}
    for text in options:
        name, equals, value = text.partition("=")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not (equals and name.isidentifier()):
            raise UserError(f"--option {text!r} is no option; write NAME=VALUE, such as beta=0.9.")
    return found


def _line(row: Epoch) -> str:
    top1 = "" if row.validation_top1 is None else f", {row.validation_top1:.2f} % of those held out"
    losses = " ".join(f"{loss:.3f}" for loss in row.losses)
    return f"phase {row.phase}, epoch {row.epoch}: losses {losses}, lr {row.lr:.2g}{top1}, {row.seconds:.1f} s"


def compared(console: Console, asked: Mapping[str, Any], save: Path | None) -> None:
    """Train by the method, then its end-to-end twin from the same weights on the same batches; one table of both."""
    method = asked["method"]
    if method == TWIN:
        raise UserError(f"{TWIN} is what methods are compared with; say another --method.")
    of_twin = {**asked, "method": TWIN, "modules": 1, "options": {}}
    rows = {method: trained(console, asked, save), TWIN: trained(console, of_twin, None)}
    table = Table("method", "held out, %", "training, s", "memory of a step, MiB (simulated)", "GPU's allocator, MiB")
    bytes_of = {name: _step_bytes(found, console) for name, found in rows.items()}
    for name, found in rows.items():
        numbers = _mebibytes(bytes_of[name]), _mebibytes(found.cuda_peak_bytes)
        table.add_row(name, f"{found.top1:.2f}", f"{found.seconds:.1f}", *numbers)
    console.print(table)
    (mine, twin), (own, other) = rows.values(), bytes_of.values()
    memory = f"memory of a step {own / other:.2f} times, " if own and other else ""
    console.print(
        f"{method} against {TWIN}: accuracy {mine.top1 - twin.top1:+.2f} points, {memory}"
        f"training {mine.seconds / twin.seconds:.2f} times as long.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    console.print(
        "One seed each, one training after the other: differences are of two trainings, not of two methods; and "
        "seconds hang on what else the machine did.",
        soft_wrap=True,
    )


def _step_bytes(found: Fitted, console: Console) -> int | None:
    """None where it cannot be simulated, which is said: what was trained is compared all the same."""
    try:
        return found.step_bytes()
    except UserError as reason:
        console.print(str(reason), highlight=False, markup=False, soft_wrap=True)
        return None


def _mebibytes(count: int | None) -> str:
    return "–" if count is None else f"{count / 2**20:.0f}"
