"""Write a folder of generated results as large as the leaderboard should bear: ``python tests/many_results.py DIR``.

Never written into results/: these numbers are made up. The tables come from records by way of ``write_tables``.
"""

import random
import sys
from pathlib import Path

from records import make_record, write_own_tables, write_runs

from benchmark.schema.record import Record

TOP = Path(__file__).parent.parent
SUITES = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet": "imagenet", "svhn": "svhn"}
BACKBONES = ("cifar_resnet32", "cifar_resnet110", "vgg11_bn")
MODULES = (2, 4, 8, 16)
SEEDS = 5
STRICT = ("modular_kernel", "sufficient_labels", "greedy_layerwise", "deep_cascade", "boostresnet", "layerwise_hsic")


def many_records(methods: list[str], total: int = 5000) -> list[Record]:
    """``total`` records: every suite, backbone, method, K and seed in turn; one row in thirty diverged."""
    chance = random.Random(0)
    rows = [
        (suite, backbone, method, k)
        for suite in SUITES
        for backbone in BACKBONES
        for method in methods
        for k in ((1,) if method == "e2ebp" else MODULES)
    ]
    records = []
    for row in rows:
        worse, broken = chance.uniform(0, 9), chance.random() < 1 / 30 and row[2] != "e2ebp"
        records += [_record(*row, seed, worse, broken and seed == 0, chance) for seed in range(SEEDS)]
    if len(records) < total:
        raise ValueError(f"only {len(records)} cells: give more methods")
    return records[:total]


def _record(
    suite: str, backbone: str, method: str, k: int, seed: int, worse: float, diverged: bool, chance: random.Random
) -> Record:
    top1 = 92.0 if method == "e2ebp" else 92.0 - worse * k**0.3
    return make_record(
        method,
        k,
        seed,
        top1 + chance.gauss(0, 0.4),
        status="diverged" if diverged else "ok",
        memory=1.0 if k == 1 else (0.3 + chance.random()) * k**-0.3,
        time=1.0 if k == 1 else 0.9 + chance.random() * 2,
        epochs=20,
        suite=suite,
        dataset=SUITES[suite],
        backbone=backbone,
        family="strictly modular" if method in STRICT else _family(method),
    )


def _family(method: str) -> str:
    return "end-to-end" if method in ("e2ebp", "gradient_checkpointing") else "weakly modular"


def write_many(folder: Path) -> None:
    """Records, tables and the papers' figures."""
    methods = sorted(path.stem for path in (TOP / "methods").glob("*.py"))
    write_runs(folder / "runs", *many_records(methods))
    (folder / "published.csv").write_text((TOP / "results" / "published.csv").read_text())
    write_own_tables(folder, TOP / "methods")


if __name__ == "__main__":
    write_many(Path(sys.argv[1]))
