"""The leaderboard: a row per suite, backbone, method, variant, K, cuts and recipe, computed over its seeds.

A number is a mean over seeds with its 95 % t interval; a cell that failed or diverged stays in the table,
counted by its status, and so does a seed that was not run. Rows of different recipes are never compared. A run of
the end-to-end twin for other than the suite's epochs is a row of its own, and no twin. Which rows are the best of their
setting is said of those that enough seeds tell apart, and never of the references.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy.special import stdtrit  # quantiles of t; importing scipy.stats takes a second

from benchmark.schema.suite import Suite
from benchmark.tables.cells import COSTS
from benchmark.tables.columns import (
    COLUMNS,
    ENOUGH,
    FILLED,
    LABELS,
    PAIRED,
    ROW,
    SETTING,
    complete,
    is_reference,
    is_twin,
    to_decimals,
)
from benchmark.tables.equal_compute import twin_at_equal
from benchmark.tables.trust import joint

MEANS = ["test_top5_pct", "validation_top1_pct"]
ORDER = ["suite", "test_top1_pct", "dataset", "backbone", "method", "variant", "modules", "cuts", "protocol"]
ORDER += ["recipe", "times"]
EQUAL = {"equal_epochs": "epochs", "equal_flops": "train_tflops"}  # difference -> the compute that is equal


def half_interval(values: pd.Series) -> float:
    """Half of the 95 % t interval of the mean, ``t(0.975, n - 1) * s / sqrt(n)``; NaN for n < 2."""
    n = values.count()
    return float(stdtrit(n - 1, 0.975) * values.std() / n**0.5) if n > 1 else float("nan")


def leaderboard(cells: pd.DataFrame, defined: Mapping[str, Suite] | None = None) -> pd.DataFrame:
    """One row per suite, data, backbone, method, variant, K, cuts and recipe; sorted by suite, then accuracy.

    Means are over the seeds that ended ``ok``. The differences to the twin are means of the per-seed
    differences, over the seeds that ended ``ok`` in both.

    Args:
        cells: all cells.
        defined: the suites that say how many seeds they ask for; of another, or of a recipe that is not among its
            protocols, that is the most common number among its rows of that recipe.
    """
    cells = cells.copy()
    for column in FILLED:
        known = cells.groupby(ROW, dropna=False)[column].transform("first")
        cells[column] = cells[column].fillna(known)
    cells["ok_top1"] = cells["test_top1_pct"].where(cells["status"] == "ok")
    cells["difference"] = cells["ok_top1"] - _twin_accuracy(cells)
    for name, compute in EQUAL.items():
        cells[name] = cells["ok_top1"] - twin_at_equal(cells, compute)
    groups = [
        (dict(zip([*ROW, *FILLED], key, strict=True)), group)
        for key, group in cells.groupby([*ROW, *FILLED], dropna=False, sort=True)
    ]
    counts = _counts(groups, defined or {})
    contest = complete(counts) & (counts["n_ok"] >= ENOUGH) & _mostly_run(groups, counts)
    candidates = zip(groups, contest, strict=True)
    best = _best_accuracies([group for (_, group), full in candidates if full and not is_reference(group).any()])
    rows = [
        key | count | _row(group, best) for (key, group), count in zip(groups, counts.to_dict("records"), strict=True)
    ]
    board = pd.DataFrame(rows, columns=list(COLUMNS))
    ascending = [name != "test_top1_pct" for name in ORDER]
    return board.sort_values(ORDER, ascending=ascending, kind="stable", ignore_index=True)


def _twin_accuracy(cells: pd.DataFrame) -> pd.Series:
    """Test accuracy of each cell's end-to-end twin; NaN where it is missing, failed or the cell itself."""
    twins = cells[is_twin(cells) & cells["times"].isna() & (cells["status"] == "ok")]
    accuracy = twins.groupby(PAIRED)["test_top1_pct"].first()
    found = cells[PAIRED].merge(accuracy.rename("twin"), how="left", left_on=PAIRED, right_index=True)["twin"]
    return found.where(~is_twin(cells)).astype(float)


def _counts(groups: list[tuple[dict[str, Any], pd.DataFrame]], defined: Mapping[str, Suite]) -> pd.DataFrame:
    """Of each row its status, and how many seeds ended ``ok``, were started and are asked for."""

    def asked(key: Mapping[str, Any], usual: int) -> int:
        suite = defined.get(key["suite"])
        return suite.seeds_of(key["method"], key["recipe"]) if suite and key["recipe"] in suite.seeds else usual

    asking = pd.DataFrame([(key["suite"], key["recipe"]) for key, _ in groups], columns=["suite", "recipe"])
    counts = pd.DataFrame(
        [(int((group["status"] == "ok").sum()), len(group)) for _, group in groups], columns=["n_ok", "n_total"]
    )
    usual = counts["n_total"].groupby([asking["suite"], asking["recipe"]]).transform(lambda n: n.mode().max())
    counts["n_asked"] = [asked(key, most) for (key, _), most in zip(groups, usual, strict=True)]
    statuses = zip(groups, counts["n_asked"], strict=True)
    return counts.assign(status=[_status(group["status"], n) for (_, group), n in statuses])


def _mostly_run(groups: list[tuple[dict[str, Any], pd.DataFrame]], counts: pd.DataFrame) -> pd.Series:
    """Whether at least half of the rows of each row's setting have all their seeds, however they ended.

    Else what is best would be what was run first; and a single row that lacks seeds takes no mark away.
    """
    settings = pd.Series([_setting(group) for _, group in groups], index=counts.index, dtype=object).map(str)
    settled = (counts["n_total"] >= counts["n_asked"]).astype(float)
    contestants = pd.Series([not is_reference(group).any() for _, group in groups], index=counts.index, dtype=bool)
    share = settled.where(contestants).groupby(settings).transform("mean")
    return share >= 0.5


def _best_accuracies(complete: list[pd.DataFrame]) -> dict[tuple[Any, ...], pd.Series]:
    """By setting and source: the accuracies by seed of the row with the highest mean, of rows that are complete."""
    best: dict[tuple[Any, ...], pd.Series] = {}
    for group in complete:
        accuracies, setting = group.set_index("seed")["ok_top1"], _setting(group)
        if setting not in best or accuracies.mean() > best[setting].mean():
            best[setting] = accuracies
    return best


def _setting(group: pd.DataFrame) -> tuple[Any, ...]:
    return tuple(group[[*SETTING, "source"]].iloc[0])


def _row(group: pd.DataFrame, best: dict[tuple[Any, ...], pd.Series]) -> dict[str, Any]:
    """What a row says beyond its key; ``group`` holds its cells."""
    ok = group[group["status"] == "ok"]
    best_here = None if is_reference(group).any() else best.get(_setting(group))
    return {
        "test_top1_pct": ok["test_top1_pct"].mean(),
        "test_top1_half_pct": half_interval(ok["test_top1_pct"]),
        "vs_best": against_best(group.set_index("seed")["ok_top1"], best_here),
        **_difference(group["difference"], "vs_e2ebp", "n_pairs"),
        **{key: said for name in EQUAL for key, said in _difference(group[name], name, f"n_{name}").items()},
        **{name: ok[name].mean() for name in MEANS},
        **{name: _mean_cost(group, name) for name in COSTS},
        **{name: _distinct(group[name]) for name in ("isolation", "device", "rerun_by", "rerun_on")},
        **{name: group[name].max() for name in LABELS},
        "verification": joint(group["verification"]),
        "epochs": ok["epochs"].max(),
    }


def _difference(pairs: pd.Series, name: str, n: str) -> dict[str, float]:
    """Mean of the per-seed differences, half of its interval, and the number of pairs."""
    return {f"{name}_pct": pairs.mean(), f"{name}_half_pct": half_interval(pairs), n: pairs.count()}


def _mean_cost(cells: pd.DataFrame, name: str) -> float:
    """Mean of a cost; NaN for times of several devices, between which ratios do not carry over."""
    values = cells[name]
    if name == "time_ratio" and cells["device"][values.notna()].nunique() > 1:
        return float("nan")
    return float(values.mean())


def against_best(accuracies: pd.Series, best: pd.Series | None) -> str | None:
    """Whether a row can be told from the best one of its setting, by a paired t interval over common seeds.

    Args:
        accuracies: test accuracy by seed, NaN for a seed that did not end ok.
        best: the same of the best row; a row that lacks seeds may stand above it, and is then not told from it.
    """
    if best is None or accuracies.isna().all():
        return None
    if accuracies.equals(best):
        return "best"
    differences = (accuracies - best).dropna()
    if len(differences) < ENOUGH:
        return None
    if abs(differences.mean()) <= half_interval(differences):
        return "not distinguishable"
    return "below" if differences.mean() < 0 else None


def _status(statuses: pd.Series, asked: int) -> str:
    counts = statuses[statuses != "ok"].value_counts().sort_index().to_dict()
    if len(statuses) < asked:
        counts["not run"] = asked - len(statuses)
    return ", ".join(f"{n} of {max(len(statuses), asked)} {status}" for status, n in counts.items()) or "ok"


def _distinct(values: pd.Series) -> str | None:
    return " / ".join(sorted(values.dropna().unique())) or None


def rounded(board: pd.DataFrame) -> pd.DataFrame:
    """The board with each number rounded to its column's decimals; whole numbers become integers."""
    board = board.copy()
    for name, column in COLUMNS.items():
        if column.decimals is not None:
            numbers = to_decimals(pd.to_numeric(board[name]).astype(float), column.decimals)
            board[name] = numbers if column.decimals else numbers.astype("Int64")
    return board
