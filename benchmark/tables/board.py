"""The leaderboard: a row per suite, backbone, method, variant, K and cuts, computed over its seeds.

A number is a mean over seeds with its 95 % t interval; a cell that failed or diverged stays in the table,
counted by its status.
"""

from typing import Any

import pandas as pd
from scipy.special import stdtrit  # quantiles of t; importing scipy.stats takes a second

from benchmark.tables.cells import COSTS
from benchmark.tables.columns import COLUMNS, FILLED, ROW, SETTING, TWIN
from benchmark.tables.verification import joint_verdict

MEANS = ["test_top5_pct", "validation_top1_pct"]
ORDER = ["suite", "test_top1_pct", "dataset", "backbone", "method", "variant", "modules", "cuts", "protocol"]


def half_interval(values: pd.Series) -> float:
    """Half of the 95 % t interval of the mean, ``t(0.975, n - 1) * s / sqrt(n)``; NaN for n < 2."""
    n = values.count()
    return float(stdtrit(n - 1, 0.975) * values.std() / n**0.5) if n > 1 else float("nan")


def leaderboard(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per suite, data, backbone, method, variant, K and cuts; sorted by suite, then accuracy.

    Means are over the seeds that ended ``ok``. The difference to the twin is the mean of the per-seed
    differences, over the seeds that ended ``ok`` in both.
    """
    cells = cells.copy()
    for column in FILLED:
        known = cells.groupby(ROW, dropna=False)[column].transform("first")
        cells[column] = cells[column].fillna(known)
    cells["ok_top1"] = cells["test_top1_pct"].where(cells["status"] == "ok")
    cells["difference"] = cells["ok_top1"] - _twin_accuracy(cells)
    best = _best_accuracies(cells)
    groups = cells.groupby([*ROW, *FILLED], dropna=False, sort=True)
    rows = [dict(zip([*ROW, *FILLED], key, strict=True)) | _row(group, best) for key, group in groups]
    board = pd.DataFrame(rows, columns=list(COLUMNS))
    ascending = [name != "test_top1_pct" for name in ORDER]
    return board.sort_values(ORDER, ascending=ascending, kind="stable", ignore_index=True)


def _twin_accuracy(cells: pd.DataFrame) -> pd.Series:
    """Test accuracy of each cell's end-to-end twin; NaN where it is missing, failed or the cell itself."""
    is_twin = (cells["method"] == TWIN) & (cells["modules"] == 1)
    twins = cells[is_twin & (cells["status"] == "ok")]
    key = [*SETTING, "source", "seed"]
    accuracy = twins.groupby(key)["test_top1_pct"].first()
    found = cells[key].merge(accuracy.rename("twin"), how="left", left_on=key, right_index=True)["twin"]
    return found.where(~is_twin).astype(float)


def _best_accuracies(cells: pd.DataFrame) -> dict[tuple[Any, ...], pd.Series]:
    """By setting and source: the accuracies by seed of the row with the highest mean, of rows without a failure."""
    best: dict[tuple[Any, ...], pd.Series] = {}
    for _, group in cells.groupby([*ROW, *FILLED], dropna=False, sort=True):
        accuracies, setting = group.set_index("seed")["ok_top1"], _setting(group)
        if accuracies.notna().all() and (setting not in best or accuracies.mean() > best[setting].mean()):
            best[setting] = accuracies
    return best


def _setting(group: pd.DataFrame) -> tuple[Any, ...]:
    return tuple(group[[*SETTING, "source"]].iloc[0])


def _row(group: pd.DataFrame, best: dict[tuple[Any, ...], pd.Series]) -> dict[str, Any]:
    """What a row says beyond its key; ``group`` holds its cells."""
    ok = group[group["status"] == "ok"]
    return {
        "status": _status(group["status"]),
        "test_top1_pct": ok["test_top1_pct"].mean(),
        "test_top1_half_pct": half_interval(ok["test_top1_pct"]),
        "n_ok": len(ok),
        "n_total": len(group),
        "vs_best": against_best(group.set_index("seed")["ok_top1"], best.get(_setting(group))),
        "vs_e2ebp_pct": group["difference"].mean(),
        "vs_e2ebp_half_pct": half_interval(group["difference"]),
        "n_pairs": group["difference"].count(),
        **{name: ok[name].mean() for name in MEANS},
        **{name: (ok if name == "train_seconds" else group)[name].mean() for name in COSTS},
        **{name: _distinct(group[name]) for name in ("labels", "isolation", "device")},
        "verification": joint_verdict(set(group["verification"])),
        "epochs": ok["epochs"].max(),
    }


def against_best(accuracies: pd.Series, best: pd.Series | None) -> str | None:
    """Whether a row can be told from the best one of its setting, by a paired t interval over common seeds.

    Args:
        accuracies: test accuracy by seed, NaN for a seed that did not end ok.
        best: the same of the best row.
    """
    if best is None or accuracies.isna().all():
        return None
    if accuracies.equals(best):
        return "best"
    differences = (accuracies - best).dropna()
    if len(differences) < 2:
        return None
    return "not distinguishable" if abs(differences.mean()) <= half_interval(differences) else "below"


def _status(statuses: pd.Series) -> str:
    counts = statuses[statuses != "ok"].value_counts().sort_index()
    return ", ".join(f"{n} of {len(statuses)} {status}" for status, n in counts.items()) or "ok"


def _distinct(values: pd.Series) -> str | None:
    return " / ".join(sorted(values.dropna().unique())) or None


def rounded(board: pd.DataFrame) -> pd.DataFrame:
    """The board with each number rounded to its column's decimals; whole numbers become integers."""
    board = board.copy()
    for name, column in COLUMNS.items():
        if column.decimals is not None:
            numbers = pd.to_numeric(board[name]).astype(float).round(column.decimals)
            board[name] = numbers if column.decimals else numbers.astype("Int64")
    return board
