"""What every method needs on common networks: the table behind the pages' "Does it fit?".

``python scripts/fit_table.py [--jobs N] [--method M]``, from the top of the repository. All is simulated, nothing
measured. Each row is kept in ``.beyond/plans`` as soon as it is done, so the command goes on where it was stopped;
``results/fit.csv`` is written after each network and K. Rows that it lacks are simulated first, a few methods on all
networks and then all methods; those that it has, of an earlier engine perhaps, stand until they are made anew after it.
With ``--method``, rows of these methods alone are made anew, where the table has them.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from benchmark.errors import UserError
from benchmark.planning.footprint import GB, Footprint
from benchmark.planning.network import Network, methods_asked
from benchmark.planning.simulated import Simulated, Training, simulate_all
from benchmark.schema.plugins import METHODS
from benchmark.schema.text import write_text

RESULTS = Path("results/fit.csv")
IMAGENET_BATCHES, CIFAR_BATCHES = (8, 32, 128), (64, 256, 1024)  # the middle one's FLOPs are kept, too
NETWORKS = (  # and K: in this order, so that what matters most is there first
    (Network("resnet50", 224), (4, 2), IMAGENET_BATCHES),
    (Network("resnet18", 224), (4, 2), IMAGENET_BATCHES),
    (Network("cifar_resnet32", 32), (4,), CIFAR_BATCHES),
    (Network("vit_small_patch16_224", 224), (4,), IMAGENET_BATCHES),
    (Network("convnext_tiny", 224), (4,), IMAGENET_BATCHES),
    (Network("resnet101", 224), (4,), IMAGENET_BATCHES),
    (Network("cifar_resnet110", 32), (16, 4), CIFAR_BATCHES),
    (Network("vit_small_patch16_224", 224), (2,), IMAGENET_BATCHES),
    (Network("convnext_tiny", 224), (2,), IMAGENET_BATCHES),
    (Network("resnet101", 224), (2,), IMAGENET_BATCHES),
    (Network("cifar_resnet32", 32), (2, 16), CIFAR_BATCHES),
    (Network("cifar_resnet110", 32), (2,), CIFAR_BATCHES),
    (Network("resnet18", 224), (8,), IMAGENET_BATCHES),
    (Network("resnet50", 224), (8, 16), IMAGENET_BATCHES),
)
FIRST = ("dgl", "infopro", "predsim", "greedy_sl", "backlink", "man", "features_replay", "dfa", "deep_cascade")
SHOWN = tuple(dict.fromkeys(network.backbone for network, _, _ in NETWORKS))  # the order of the table
KEY = ["backbone", "image", "method", "variant", "modules"]
DECIMALS = {"peak_low_gb": 3, "peak_mid_gb": 3, "peak_high_gb": 3, "fixed_gb": 3, "picture_mb": 3, "picture_gflops": 3}
MB = 1e6
Row = dict[str, object]

console = Console()


def row(network: Network, training: Training, made: Simulated, batches: tuple[int, int, int]) -> Row:
    """A line of the table; ``fixed_gb + picture_mb * batch`` stands where the three peaks lie on a line."""
    line: Row = {
        "backbone": network.backbone,
        "image": network.image,
        "method": training.method,
        "variant": training.variant,
        "modules": training.modules,
        **dict(zip(("batch_low", "batch_mid", "batch_high"), batches, strict=True)),
        "note": made.note,
    }
    if made.cost is None:
        return line
    peaks = [peak / GB for peak in (made.peaks[0], made.cost.peak_bytes, made.peaks[1])]
    fixed, slope = Footprint(batches, peaks).line() or (None, None)
    return line | {
        **dict(zip(("peak_low_gb", "peak_mid_gb", "peak_high_gb"), peaks, strict=True)),
        "fixed_gb": fixed,
        "picture_mb": None if slope is None else slope * GB / MB,
        "picture_gflops": made.cost.step_flops / batches[1] / GB,
        "parameters": made.cost.parameters,
        "auxiliary_parameters": made.cost.auxiliary_parameters,
    }


COLUMNS = ["backbone", "image", "method", "variant", "modules", "batch_low", "batch_mid", "batch_high", *DECIMALS]
COLUMNS += ["parameters", "auxiliary_parameters", "note"]


def main(
    jobs: Annotated[int | None, typer.Option(help="so many rows side by side; by default one a core")] = None,
    method: Annotated[list[str] | None, typer.Option(help="only this one, where it stands; may be repeated")] = None,
) -> None:
    """Simulate what is missing, and then the rest anew; write the table."""
    table = pd.read_csv(RESULTS).fillna({"variant": ""}) if RESULTS.is_file() else pd.DataFrame(columns=COLUMNS)
    settings = [(network, k, batches) for network, ks, batches in NETWORKS for k in ks]
    asked = methods_asked(method)
    passes = [(asked, True)] if method else [(methods_asked(FIRST), False), (asked, False), (asked, True)]
    for methods, anew in passes:
        for network, modules, batches in settings:
            low, mid, high = batches
            trainings = list(network.trainings(methods, [modules], mid, further=(low, high)))
            known = set(table[KEY].itertuples(index=False, name=None))
            stand = [one for one in trainings if key(network, one) in known]
            todo = stand if method else [one for one in trainings if anew or one not in stand]
            found = simulate_all(todo, f"{network.backbone}, K = {modules}", console, jobs)
            rows = [row(network, one, made, batches) for one, made in zip(todo, found, strict=True)]
            table = joined(pd.DataFrame(rows, columns=COLUMNS), table)
            write(table)
            had = sum(made.cost is not None for made in found)
            console.print(f"{network.backbone}, K = {modules}: {had} of {len(found)} rows")


def key(network: Network, training: Training) -> tuple[object, ...]:
    """What tells a row from others: its columns ``KEY``."""
    return network.backbone, network.image, training.method, training.variant, training.modules


def joined(new: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The table with its new rows in the place of former ones; a network's rows together, in the order of the list."""
    whole = pd.concat([new, table], ignore_index=True) if len(table) else new
    whole = whole.drop_duplicates(KEY).assign(place=lambda rows: rows["backbone"].map(SHOWN.index))
    return whole.sort_values(["place", "method", "modules"], ignore_index=True)[COLUMNS]


def write(table: pd.DataFrame) -> None:
    """The file."""
    counts = dict.fromkeys(("parameters", "auxiliary_parameters"), "Int64")
    numbers = table.astype(dict.fromkeys(DECIMALS, float))  # objects, where a row lacks one, are not rounded
    write_text(numbers.round(DECIMALS).astype(counts).to_csv(index=False), RESULTS)


if __name__ == "__main__":
    if not METHODS.is_dir():
        raise SystemExit("Run it from the top of the repository: python scripts/fit_table.py")
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(str(error)) from None
