"""Which timm families can be cut, where, and whether the cut is exact: one small model of every timm module file.

Every family has a process, a time limit and a memory limit of its own, so that a bad one is a row, not the end.
"""

import multiprocessing
import re
import resource
import warnings
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pandas as pd
import timm
import torch
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from torch import nn

from benchmark.engine.cutting.partition import cut, cut_points
from benchmark.errors import CannotCut

SECONDS = 180  # per family
BYTES = 16 << 30  # of address space per family
LARGEST = 60e6  # parameters of a model that is really run; a larger one is only planned on the meta device
CANDIDATES = 4  # models of a family of which the one with the fewest parameters is taken
# fmt: off
SIZES = ["zepto", "atto", "femto", "pico", "nano", "xxtiny", "xxt", "xxs", "micro", "xtiny", "xs", "mini", "tiny",
         "t", "s", "small", "b0", "m0", "t0", "s0", "050", "lite"]
# fmt: on
Row = dict[str, Any]
COLUMNS = ["family", "model", "parameters", "image_size", "max_modules", "cut_points", "eval", "train", "reason"]


def families() -> dict[str, list[str]]:
    """The models of every module file of timm; its miniature test models are left out."""
    found: dict[str, list[str]] = {}
    for name in timm.list_models():
        module = timm.model_entrypoint(name).__module__
        if module.startswith("timm.models.") and not name.startswith("test_"):
            found.setdefault(module.rpartition(".")[2], []).append(name)
    return dict(sorted(found.items()))


def small_models(names: Iterable[str]) -> list[str]:
    """The few models whose names look smallest (to build all 1300 would take half an hour), smallest first."""
    return sorted(sorted(names, key=_looks)[:CANDIDATES], key=_size)


def _looks(name: str) -> tuple[int, int, str]:
    words = re.split(r"[_\d]+", name) + name.split("_")
    size = next((i for i, word in enumerate(SIZES) if word in words), len(SIZES))
    return size, sum(map(int, re.findall(r"\d+", name))), name


def _size(name: str) -> tuple[bool, int, str]:
    model = _planned(name)
    return _input_shape(model)[-1] > 400, _parameters(model), name


def _planned(name: str) -> nn.Module:
    with torch.device("meta"):
        return timm.create_model(name)


def _input_shape(model: nn.Module) -> tuple[int, int, int]:
    return model.pretrained_cfg["input_size"]  # type: ignore[index,return-value]  # timm's own dict


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def describe(family: str, names: Iterable[str]) -> Row:
    """The row of one family: of its smallest model that can be cut, or of its smallest if none can."""
    rows: list[Row] = []
    for name in small_models(names):
        rows.append({"family": family, "model": name, **_cuts(name)})
        if rows[-1]["max_modules"] > 1:
            return rows[-1]
    return rows[0]


def _cuts(name: str) -> Row:
    """Where the model can be cut, and whether its finest cut gives the same bits."""
    model = _planned(name)
    shape, parameters = _input_shape(model), _parameters(model)
    row: Row = {"parameters": parameters, "image_size": shape[-1], "max_modules": 1}
    try:
        points = [features.name for features in cut_points(model, shape)]
    except CannotCut as error:
        return row | {"reason": str(error)}
    if not points:
        return row | {"reason": "between any two of its blocks more than one tensor flows"}
    row |= {"max_modules": len(points) + 1, "cut_points": _shortened(points)}
    if parameters > LARGEST:
        return row | {"reason": f"not run: above {LARGEST / 1e6:.0f} million parameters"}
    torch.manual_seed(0)
    return row | _exactness(timm.create_model(name), len(points) + 1, shape)


def _shortened(points: list[str]) -> str:
    return " ".join(points if len(points) <= 6 else [*points[:3], "...", *points[-3:]])


def _exactness(model: nn.Module, k: int, shape: tuple[int, int, int]) -> Row:
    """Compare the model in as many modules as possible with the uncut one, bit by bit, in both modes."""
    whole = model.state_dict().keys()
    partition = cut(model, k, balance="units", input_shape=shape)
    if partition.state_dict().keys() != whole:
        return {"reason": "the cut model has other parameters"}
    x = torch.randn(2, *shape)
    found = {}
    for mode in ("eval", "train"):
        outputs = []
        for run, parts in ((model, model), (partition, partition.modules)):
            parts.train(mode == "train")
            torch.manual_seed(1)
            with torch.no_grad():
                outputs.append(run(x))
        found[mode] = "exact" if torch.equal(*outputs) else "differs"
    return found


def _report(family: str, names: list[str], out: Connection) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    try:
        out.send(describe(family, names))
    except Exception as error:  # the family's own failure is what the table is there to show
        out.send({"family": family, "reason": " ".join(f"{type(error).__name__}: {error}".split())[:300]})


def _row(family: str, names: list[str]) -> Row:
    """`describe` in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imports torch and timm once for all families
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(family, names, sender))
    process.start()
    sender.close()
    try:
        if receiver.poll(SECONDS):
            return receiver.recv()
        return {"family": family, "reason": f"took longer than {SECONDS} s"}
    except EOFError:
        return {"family": family, "reason": "its process died (memory)"}
    finally:
        process.join(timeout=5)
        process.kill()


def cut_table() -> pd.DataFrame:
    """One row per timm module file, with a progress bar; takes some minutes."""
    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    rows = []
    with bar:
        task = bar.add_task("cutting", total=len(families()))
        for family, names in families().items():
            bar.update(task, description=f"cutting {family}")
            rows.append(_row(family, names))
            bar.advance(task)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"parameters": "Int64", "image_size": "Int64", "max_modules": "Int64"})


def write(path: Path) -> None:
    """Write the table as CSV to `path`."""
    cut_table().to_csv(path, index=False)


def main() -> None:
    write(Path("results/cut_points.csv"))


if __name__ == "__main__":
    main()
