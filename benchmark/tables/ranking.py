"""Ranks of methods: within each suite by accuracy, and over all suites by Borda's count.

A method is ranked in a suite where every cell that the suite asks of it ended ``ok``, and overall where it is
ranked in every suite that has results: what is missing gives no rank rather than a favourable one. Ranks are of one
recipe in each suite, that by which the suite leads.
"""

from collections.abc import Collection, Mapping

import pandas as pd

from benchmark.tables.columns import TWIN
from benchmark.tables.kinds import other_kind

OVERALL = "overall"
COLUMNS = ["suite", "recipe", "method", "family", "variant", "score", "rank", "of", "missing"]
Settings = Collection[tuple[str, int]]  # (backbone, K)
FAILED = "a cell did not end ok"
OTHER = "other pictures, stem or protocol"


def ranking(
    board: pd.DataFrame,
    asked: Mapping[str, Settings] | None = None,
    uncut: Collection[str] = (),
    recipes: Mapping[str, str] | None = None,
    few: Collection[str] = (),
) -> pd.DataFrame:
    """One row per (suite, method), then one per method for the suite ``overall``.

    Args:
        board: the leaderboard.
        asked: the (backbone, K) of a suite's definition; of a suite that is not here, those that were run.
        uncut: methods that no cut changes: they stand at each K with their row of K = 1, as the twin does.
        recipes: whose recipe a suite's ranks are of; ``shared`` for a suite that is not here.
        few: suites that ask for some of the methods only: the others lack nothing overall.

    Returns:
        Columns ``COLUMNS``: ``score`` is the mean test accuracy over the suite's backbones and K (percent), or
        Borda's count: over all suites, the ranked methods that a method beats, half for a tie. ``of`` is the
        number of methods ranked. ``rank`` is empty where ``missing`` says what the method lacks.
    """
    if board.empty:
        return pd.DataFrame(columns=COLUMNS)
    chosen = board["suite"].map(lambda suite: (recipes or {}).get(suite, "shared"))
    board = board.assign(fits=(other_kind(board) == "") & (board["recipe"] == chosen), chosen=chosen)
    suites = [
        _rank_suite(rows, set((asked or {}).get(str(suite), ())), {TWIN, *uncut})
        for suite, rows in board.groupby("suite", sort=True)
    ]
    ranked = pd.concat(suites)
    everywhere = ranked[~ranked["suite"].isin(few)]
    table = pd.concat([ranked, *([_overall(everywhere)] if len(everywhere) else [])], ignore_index=True)[COLUMNS]
    return table.astype({"rank": "Int64", "of": "Int64"}).round({"score": 2})


def _rank_suite(rows: pd.DataFrame, asked: set[tuple[str, int]], uncut: set[str]) -> pd.DataFrame:
    """Ranks of one suite's methods by the mean over its (backbone, K)."""
    wanted = sorted(asked or _settings(rows[rows["fits"]]))
    scored = pd.DataFrame([_score(group, wanted, name in uncut) for name, group in rows.groupby("method", sort=True)])
    scored["rank"] = scored["score"].rank(ascending=False, method="min")
    return scored.assign(of=scored["score"].count())


def _settings(rows: pd.DataFrame) -> set[tuple[str, int]]:
    """The (backbone, K) that were run; K = 1 counts where nothing was cut."""
    pairs = set(rows[["backbone", "modules"]].itertuples(index=False, name=None))
    cut = {backbone for backbone, k in pairs if k > 1}
    return {(backbone, k) for backbone, k in pairs if k > 1 or backbone not in cut}


def _score(rows: pd.DataFrame, wanted: list[tuple[str, int]], uncut: bool) -> dict[str, object]:
    """The method's variant that validates best among the complete ones; never chosen by its test accuracy."""
    first = rows.iloc[0]
    found = {"suite": first["suite"], "recipe": first["chosen"], "method": first["method"], "family": first["family"]}
    complete, missing = [], "" if (rows["recipe"] == first["chosen"]).any() else f"not run: {first['chosen']}"
    for variant, group in rows[rows["fits"]].groupby("variant", sort=True):
        places = dict(list(group.groupby(["backbone", "modules"])))
        instead = {b: places.get((b, 1), rows[:0]) if uncut else rows[:0] for b, _ in wanted}
        at = {(b, k): places.get((b, k), instead[b]) for b, k in wanted}
        lacks = [lack for place, part in at.items() if (lack := _lack(place, part))]
        lack = FAILED if FAILED in lacks else "".join(lacks[:1])
        missing = missing or lack
        if not lack:
            means = pd.DataFrame([part[["validation_top1_pct", "test_top1_pct"]].mean() for part in at.values()]).mean()
            complete.append((means["validation_top1_pct"], means["test_top1_pct"], variant))
    if not complete:
        return found | {"variant": first["variant"], "score": float("nan"), "missing": missing or OTHER}
    _, score, variant = max(complete, key=lambda c: c[0])
    return found | {"variant": variant, "score": score, "missing": None}


def _lack(place: tuple[str, int], rows: pd.DataFrame) -> str:
    """What keeps a method's rows at one (backbone, K) from counting; empty if nothing does."""
    where = f"not run: {place[0]}, K = {place[1]}"
    if rows.empty:
        return where
    if (rows["n_ok"] < rows["n_total"]).any():
        return FAILED
    short = rows.loc[rows["n_total"] < rows["n_asked"], ["n_asked", "n_total"]].to_numpy(dtype=int)
    return f"{where}, {short[0][0] - short[0][1]} of {short[0][0]} seeds" if len(short) else ""


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
    return rows.reset_index().assign(suite=OVERALL, recipe="", variant="", of=len(complete))


def with_rank(board: pd.DataFrame, ranks: pd.DataFrame) -> pd.DataFrame:
    """The board with each method's rank in its suite; rows that are not compared there have none, and no mark.

    ``leads`` says which rows the ranks are of, the others of that recipe included.
    """
    keys = ["suite", "recipe", "method"]
    found = ranks.set_index(keys)["rank"].reindex(pd.MultiIndex.from_frame(board[keys]))
    leading = pd.MultiIndex.from_frame(board[keys[:2]]).isin(pd.MultiIndex.from_frame(ranks[keys[:2]]))
    compared = other_kind(board) == ""
    return board.assign(
        rank=pd.Series(found.to_numpy(), index=board.index).where(compared),
        vs_best=board["vs_best"].where(compared),
        leads=pd.Series(leading, index=board.index).map({True: "yes", False: "no"}),
    )
