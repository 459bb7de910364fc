"""Ranks of methods: within each suite by accuracy, and over all suites by Borda's count.

A method is ranked in a suite where every cell that the suite asks of it ended ``ok``, and overall where it is
ranked in every suite that has results: what is missing gives no rank rather than a favourable one.
"""

from collections import Counter

import pandas as pd

OVERALL = "overall"
COLUMNS = ["suite", "method", "family", "variant", "score", "rank", "of", "missing"]
COMPARED = ["source", "protocol"]  # rows of a suite are ranked among one kind of these: the most common


def ranking(board: pd.DataFrame) -> pd.DataFrame:
    """One row per (suite, method), then one per method for the suite ``overall``.

    Args:
        board: the leaderboard.

    Returns:
        Columns ``COLUMNS``: ``score`` is the mean test accuracy over the suite's backbones and K (percent), or
        Borda's count: over all suites, the ranked methods that a method beats, half for a tie. ``of`` is the
        number of methods ranked. ``rank`` is empty where ``missing`` says what the method lacks.
    """
    if board.empty:
        return pd.DataFrame(columns=COLUMNS)
    suites = [_rank_suite(rows.assign(suite=suite)) for suite, rows in board.groupby("suite", sort=True)]
    ranked = pd.concat(suites)
    table = pd.concat([ranked, _overall(ranked)], ignore_index=True)[COLUMNS]
    return table.astype({"rank": "Int64", "of": "Int64"}).round({"score": 2})


def _rank_suite(rows: pd.DataFrame) -> pd.DataFrame:
    """Ranks of one suite's methods by the mean over its (backbone, K)."""
    rows = rows.assign(source=rows["source"].fillna(""))
    kinds = list(rows[COMPARED].itertuples(index=False, name=None))
    known = Counter(kind for kind in kinds if kind[0]) or Counter(kinds)
    common = max(known.items(), key=lambda item: (item[1], item[0]))[0]
    rows = rows[[kind == common or not kind[0] for kind in kinds]]  # a cell that failed early knows no source
    wanted = _settings(rows)
    scored = pd.DataFrame([_score(group, wanted) for _, group in rows.groupby("method", sort=True)])
    scored["rank"] = scored["score"].rank(ascending=False, method="min")
    return scored.assign(of=scored["score"].count())


def _settings(rows: pd.DataFrame) -> set[tuple[str, int]]:
    """The suite's (backbone, K); K = 1 counts where nothing was cut."""
    pairs = set(rows[["backbone", "modules"]].itertuples(index=False, name=None))
    cut = {backbone for backbone, k in pairs if k > 1}
    return {(backbone, k) for backbone, k in pairs if k > 1 or backbone not in cut}


def _score(rows: pd.DataFrame, wanted: set[tuple[str, int]]) -> dict[str, object]:
    """The method's variant that validates best among the complete ones; never chosen by its test accuracy."""
    first = rows.iloc[0]
    found = {"suite": first["suite"], "method": first["method"], "family": first["family"]}
    complete, missing = [], ""
    for variant, group in rows.groupby("variant", sort=True):
        lack = _missing(group, wanted)
        missing = missing or lack
        if not lack:
            means = group[["validation_top1_pct", "test_top1_pct"]].mean()
            complete.append((means["validation_top1_pct"], means["test_top1_pct"], variant))
    if not complete:
        return found | {"variant": first["variant"], "score": float("nan"), "missing": missing}
    _, score, variant = max(complete, key=lambda c: c[0])
    return found | {"variant": variant, "score": score, "missing": None}


def _missing(rows: pd.DataFrame, wanted: set[tuple[str, int]]) -> str:
    """What keeps these rows of a method from a rank; empty if nothing does."""
    if (rows["n_ok"] < rows["n_total"]).any():
        return "a cell did not end ok"
    have = set(rows[["backbone", "modules"]].itertuples(index=False, name=None))
    uncut = {backbone for backbone, k in have if k == 1}  # a method without modules stands at every K
    lacking = sorted((b, k) for b, k in wanted - have if b not in uncut)
    return f"not run: {lacking[0][0]}, K = {lacking[0][1]}" if lacking else ""


def _overall(ranked: pd.DataFrame) -> pd.DataFrame:
    """Borda's count among the methods that are ranked in every suite."""
    suites = sorted(ranked["suite"].unique())
    scores = ranked.pivot(index="method", columns="suite", values="score").astype(float)
    rows = ranked.drop_duplicates("method").set_index("method")[["family"]].sort_index()
    rows["missing"] = [
        "not ranked in " + ", ".join(s for s in suites if pd.isna(scores.loc[m, s]))
        if scores.loc[m].isna().any()
        else None
        for m in rows.index
    ]
    complete = scores.dropna()
    rows["score"] = (complete.rank(method="average") - 1).sum(axis=1)
    rows["rank"] = rows["score"].rank(ascending=False, method="min")
    return rows.reset_index().assign(suite=OVERALL, variant="", of=len(complete))


def with_rank(board: pd.DataFrame, ranks: pd.DataFrame) -> pd.DataFrame:
    """The board with each method's rank in its suite."""
    of_suite = ranks.set_index(["suite", "method"])["rank"]
    keys = pd.MultiIndex.from_frame(board[["suite", "method"]])
    return board.assign(rank=of_suite.reindex(keys).to_numpy())
