"""The least memory that each method needs at each K, with and without recomputation inside its modules.

``python scripts/memory_table.py [--jobs N]``, from the top of the repository. All is simulated, nothing measured, on
the networks of InfoPro's tables: ResNet-110 of CIFAR in batches of 1024, and ResNet-101 of ImageNet in batches of 128 a
GPU. Cuts are balanced by memory; ``recompute`` forgets what is inside each block
(:mod:`benchmark.engine.training.recompute`). The bar is gradient checkpointing: end-to-end backpropagation that
recomputes as well, by K segments or by blocks. Rows are kept in ``.beyond/plans`` as soon as they are done;
``results/memory.csv`` is written after each network and K.

Beside them stand the figures of InfoPro's paper, where it prints some (``results/published.csv``): gigabytes of its
GPUs, and what it costs in accuracy, in percentage points of test error more than end-to-end backpropagation's, which
recomputation does not change. Where its cuts of equal memory lack a figure, that of equal layers stands there; its
gradient checkpointing has segments that it does not state.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from benchmark.planning.footprint import GB
from benchmark.planning.network import MODULES, Network
from benchmark.planning.simulated import Simulated, Training, simulate_all
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import CHECKPOINTING, TWIN
from benchmark.schema.text import write_text

RESULTS = Path("results/memory.csv")
NETWORKS = ((Network("cifar_resnet110", 32), 1024), (Network("resnet101", 224), 128))
METHODS = [TWIN, CHECKPOINTING, "dgl", "greedy_sl", "infopro", "predsim", "trgl"]
AGAIN = ("none", "units")
PUBLISHED = Path("results/published.csv")
MEMORY, ERROR = "memory_gb", "test_error_pct"
PAPER = "Wang et al. 2021 (InfoPro, ICLR)"
PRINTED = {"cifar_resnet110": ("CIFAR-10", "ResNet-110"), "resnet101": ("ImageNet", "ResNet-101")}
CALLED = {  # there, the likest first; its DGL has another head than ours
    **{name: [name] for name in (TWIN, CHECKPOINTING, "greedy_sl")},
    "infopro": ["infopro_balanced", "infopro_contrast"],
}

console = Console()


def trainings(network: Network, batch: int, k: int) -> list[tuple[Training, str]]:
    """All methods, without recomputation and with it, and what is recomputed."""
    found = []
    for recompute in AGAIN:
        recipe = Recipe(epochs=1, batch=batch, lr=0.1, recompute=recompute)
        for training in network.trainings(METHODS, [k], batch):
            if training.method != CHECKPOINTING or recompute == "none":
                found.append((Training(**{**vars(training), "recipe": recipe}), recompute))
    return found


def row(network: Network, training: Training, recompute: str, made: Simulated, twin: Simulated) -> dict[str, object]:
    """A line of the table; ratios are to end-to-end backpropagation that recomputes nothing."""
    line: dict[str, object] = {
        "backbone": network.backbone,
        "batch": training.batch,
        "method": training.method,
        "variant": training.variant,
        "modules": training.modules,
        "recompute": recompute,
        "note": made.note,
    }
    if made.cost is None or twin.cost is None:
        return line
    return line | {
        "peak_gb": round(made.cost.peak_bytes / GB, 3),
        "peak_ratio": round(made.cost.peak_bytes / twin.cost.peak_bytes, 3),
        "flops_ratio": round(made.cost.step_flops / twin.cost.step_flops, 3),
    }


def with_paper(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the paper's figures beside its rows."""
    read = pd.read_csv(PUBLISHED, dtype={"modules": str})
    read = read[read["source"].str.startswith(PAPER)]
    keys = zip(read["dataset"], read["backbone"], read["method"], read["modules"], read["metric"], strict=True)
    printed = dict(zip(keys, read["value"], strict=True))

    def figure(line: pd.Series, metric: str) -> float | None:
        k = "1" if line["method"] == CHECKPOINTING else str(line["modules"])
        found = (printed.get((*PRINTED[line["backbone"]], name, k, metric)) for name in CALLED.get(line["method"], ()))
        return next((value for value in found if value is not None), None)

    def beside(line: pd.Series) -> dict[str, float | None]:
        whole = {metric: printed[*PRINTED[line["backbone"]], TWIN, "1", metric] for metric in (MEMORY, ERROR)}
        gb = figure(line, MEMORY) if line["recompute"] == "none" else None
        error = figure(line, ERROR)
        return {
            "paper_gb": gb,
            "paper_ratio": gb and round(gb / whole[MEMORY], 3),
            "paper_error_points": None if error is None else round(error - whole[ERROR], 2),
        }

    return table.join(pd.DataFrame([beside(line) for _, line in table.iterrows()], index=table.index))


def main(
    jobs: Annotated[int | None, typer.Option(help="so many rows side by side; by default one a core")] = None,
) -> None:
    """Simulate what is missing, and write the table."""
    rows: list[dict[str, object]] = []
    for network, batch in NETWORKS:
        for k in MODULES:
            asked = trainings(network, batch, k)
            made = simulate_all([training for training, _ in asked], f"{network.backbone}, K = {k}", console, jobs)
            twin = made[0]  # it comes first, and recomputes nothing
            new = [row(network, t, r, m, twin) for (t, r), m in zip(asked, made, strict=True)]
            rows += [line for line in new if line not in rows]  # the twin is the same at every K
            order = ["backbone", "batch", "modules", "recompute", "method"]
            write_text(with_paper(pd.DataFrame(rows).sort_values(order, kind="stable")).to_csv(index=False), RESULTS)


if __name__ == "__main__":
    typer.run(main)
