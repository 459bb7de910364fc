"""Tables of tracks as ``beyond table`` writes them, of networks that nobody trained."""

import itertools
from functools import cache
from pathlib import Path

import numpy as np

from benchmark.examinations.labels import Block as LabelsBlock
from benchmark.examinations.labels import Score
from benchmark.examinations.roles import Block as RolesBlock
from benchmark.examinations.roles import Moment
from benchmark.examinations.transfer import NAMES
from benchmark.examining.estimators.dependence import KERNELS
from benchmark.examining.estimators.transfer.trial import SURVEY
from benchmark.examining.examination import Sat, load_examination
from benchmark.examining.task_map import Block as TransferBlock
from benchmark.examining.task_map import Worth
from benchmark.schema.record import Identity

CELL = {"suite": "tiny", "dataset": "digits", "backbone": "net", "stem": "native", "family": "", "protocol": 2}


def identity(method, seed, **more):
    return Identity(**{**CELL, "method": method, "modules": 1, "seed": seed, **more})


def labels(pictures, *scores):
    found = [Score(head="mean", per_class=n, draw=draw, test_top1=value) for n, draw, value in scores]
    kinds = {"pairs": pictures} if pictures else {}
    return LabelsBlock(features=8, classes=4, training_pictures=100, hidden_labels=kinds, scores=found)


def roles(*probes):
    flat = {kernel: [1.0, 2.0] for kernel in KERNELS}
    moments = [Moment(epoch=i, picture=flat, label=flat, probe=[p, p + 1]) for i, p in enumerate(probes)]
    cka = [[1.0, 0.25], [0.5, None]]
    about = {"places": ["a", "b"], "ends": ["b"], "epochs": len(probes) - 1, "pictures": 9, "chance": 25.0}
    return RolesBlock(**about, moments=moments, cka_own=cka, other="e2ebp net K=1 seed 1", cka_other=cka)


def transfer(tasks=6, seeds=2):
    """Blocks of sources that are worth something to one target alone, which the proxy knows and other scores guess."""
    draw = np.random.default_rng(0)
    truths = 80 + draw.normal(size=(tasks, tasks))
    for seed, s in itertools.product(range(seeds), range(tasks)):
        worth = [
            Worth(
                target=f"t{t}",
                scores={name: truths[s, t] if name == SURVEY else float(draw.normal()) for name in NAMES},
                truth=truths[s, t] + (seed - 0.5) * 0.01,
                halves=(truths[s, t], truths[s, t]),
            )
            for t in range(tasks)
        ]
        about = {"backbone": "net", "source": f"t{s}", "source_accuracy": 90, "pictures": 60, "finetuned": 0}
        yield Sat(identity("sufficient_labels", seed, backbone=f"net_t{s}"), TransferBlock(**about, targets=worth))


@cache  # its bootstrap takes a while, and is the same each time
def transfer_tables():
    sat = list(transfer(tasks=4, seeds=1))
    table, pairs = (
        load_examination("transfer").table(sat).assign(failed=0),
        load_examination("transfer").details(sat)["pairs"],
    )
    return {"transfer.csv": table.to_csv(index=False), "transfer-pairs.csv": pairs.to_csv(index=False)}


def write_tracks(folder: Path) -> None:
    """Tables of all examinations: rows with and without pairs, several seeds and draws, an undefined CKA."""
    few = [(1, 0, 50.0), (1, 1, 60.0), (None, 0, 90.0)]
    sat = [
        Sat(identity("supervised_contrastive", 0, variant="contrastive"), labels(100, *few)),
        Sat(identity("supervised_contrastive", 1, variant="contrastive"), labels(100, (1, 0, 70.0), (1, 1, 60.0))),
        Sat(identity("supervised_contrastive", 0, variant="contrastive_tenth"), labels(32, *few)),
        Sat(identity("untrained", 0), labels(0, *few)),
    ]
    load_examination("labels").table(sat).assign(failed=0).to_csv(folder / "labels.csv", index=False)
    sat = [Sat(identity("e2ebp", seed), roles(30.0, 60.0 + seed)) for seed in (0, 1)]
    load_examination("roles").table(sat).assign(failed=0).to_csv(folder / "roles.csv", index=False)
    load_examination("roles").details(sat)["cka"].to_csv(folder / "roles-cka.csv", index=False)
    for name, text in transfer_tables().items():
        (folder / name).write_text(text)
