"""One row a cell, from the records: what the leaderboard averages, and what the page of runs shows."""

from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.schema.record import Record, read_record
from benchmark.schema.text import printable
from benchmark.tables.columns import COLUMNS, LABELS, SHARED, to_decimals
from benchmark.tables.trust import ISOLATION
from benchmark.tables.verification import Standing, standings

EDITED = "edited"  # status of a record that no longer says what it said when it was written
SHORT = 12  # characters of a hash in a table; the record has them all
WHO = ["suite", "dataset", "source", "backbone", "stem", "method", "variant", "recipe", "times", "family", "modules"]
WHO += ["seed", "protocol"]
LEARNED = ["test_top1_pct", "test_top5_pct", "validation_top1_pct", "epochs"]
COSTS = ["memory_ratio", "peak_mb", "time_ratio", "flops_ratio", "train_tflops"]
COSTS += ["parameters", "auxiliary_parameters"]
RERUN = ["verification", "rerun_by", "rerun_on"]
CELL = [*WHO, "status", "error", *RERUN, *LEARNED, *COSTS, *LABELS, "isolation", "cuts"]
ORIGIN = ["git_commit", "git_dirty", "method_sha256", "dataset_fingerprint", "device", "threads", "started_utc"]
# The columns of results/cells/<suite>.csv; the name of the record and the suite follow from the others.
PUBLISHED = [*[c for c in CELL if c not in ("suite", "family", *LABELS, "cuts")], *ORIGIN]
AS_TRAINED = ["recipe_trained", "options_trained"]  # as a record names them, for what is computed from cells alone
NUMBERS = ["times", *LEARNED, *COSTS]  # of published cells


def load(runs: Path, verified: Path | None = None) -> pd.DataFrame:
    """One row a cell, from all records below ``runs``; a hand-edited record gets the status ``edited``.

    Args:
        verified: folder of the outcomes of ``beyond verify``; by default ``verified`` beside ``runs``.

    Raises:
        UserError: a file is not a record, or not where its record belongs: a copy would be counted twice.
    """
    records = [_in_place(path, runs) for path in sorted(runs.rglob("*.json"))]
    told = standings(verified or runs.with_name("verified"), records)
    rows = [_cell(record, standing) for record, standing in zip(records, told, strict=True)]
    cells = pd.DataFrame(rows, columns=[*CELL, "curve", "pictures", *AS_TRAINED, *ORIGIN])
    return cells.astype(dict.fromkeys([*NUMBERS, *LABELS], float) | {"modules": int, "seed": int, "protocol": int})


def _in_place(path: Path, runs: Path) -> Record:
    """The record of a file that has the record's own name."""
    record = read_record(path)
    own = runs / record.identity.path
    if path != own:
        raise UserError(
            f"{path} holds the record that belongs in {own}; delete it if it is a copy, else move it there."
        )
    return record


def _cell(record: Record, standing: Standing) -> dict[str, Any]:
    learned, cost, origin = record.accuracy, record.cost, record.provenance
    known = bool(record.labels or learned)  # a training that used none has counted none
    row = record.identity.model_dump() | {
        "recipe": record.identity.recipe or SHARED,
        "status": record.status if record.genuine else EDITED,
        "error": record.error,
        **standing.model_dump(),
        "cuts": None if record.cuts is None else " ".join(record.cuts),
        **{name: record.labels.get(kind, 0) if known else None for name, kind in LABELS.items()},
        "isolation": ISOLATION.get(record.isolation or "", record.isolation),
    }
    row |= dict(zip(AS_TRAINED, (record.recipe, record.options), strict=True))
    if learned:
        row |= {
            "test_top1_pct": learned.test_top1,
            "test_top5_pct": learned.test_top5,
            "validation_top1_pct": learned.validation_top1,
            "epochs": len(learned.curve),
            "curve": [epoch.validation_top1 for epoch in learned.curve],
        }
    if cost:
        row |= cost.model_dump(include={*COSTS})
        row |= {"memory_ratio": cost.peak_ratio, "peak_mb": cost.peak_bytes / 1e6}
        row |= {"train_tflops": cost.train_flops / 1e12} if cost.train_flops else {}
    if origin:
        row |= origin.model_dump(include={"source", "pictures", *ORIGIN})
    return {name: printable(value) if isinstance(value, str) else value for name, value in row.items()}


def published(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of a suite as ``results/cells/<suite>.csv`` shows them: short hashes, rounded numbers."""
    decimals = {name: column.decimals for name, column in COLUMNS.items() if column.decimals is not None}
    table = cells[PUBLISHED].copy()
    for name in NUMBERS:
        table[name] = to_decimals(table[name], decimals.get(name, 0))
    for name in ("epochs", "parameters", "auxiliary_parameters", "threads"):
        table[name] = table[name].astype("Int64")
    for name in ("git_commit", "method_sha256", "dataset_fingerprint"):
        table[name] = table[name].str[:SHORT]
    return table
