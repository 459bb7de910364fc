"""Ranks of methods: within each comparison by accuracy, and over all of them by Borda's count, each with its interval.

A method is ranked in a suite where every cell that the suite asks of it ended ``ok``, over at least three seeds; what
is missing gives no rank rather than a favourable one. Its rank is an interval: it is above another only where the
paired differences say so (:mod:`benchmark.tables.certainty`). A smoke test or a track ranks nobody, and end-to-end
backpropagation in any form is a reference, by which the others are measured. Ranks are of one recipe in each suite,
that by which the suite leads.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isnan, nan
from statistics import fmean
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from benchmark.schema.record import EXACT
from benchmark.schema.suite import TWIN
from benchmark.tables.certainty import ERROR, rank_intervals
from benchmark.tables.columns import COMPARISON, ENOUGH, FILLED, REFERENCE, ROW, to_decimals
from benchmark.tables.kinds import other_kind

OVERALL = "overall"
RANK = ["rank_low", "rank_high"]
COLUMNS = ["suite", "recipe", "method", "family", "variant", "score", *RANK, "of", "missing"]
WHERE = ["suite", "recipe", "method"]
SCORED = [
    "suite",
    "method",
    "family",
    "variant",
    "backbone",
    "modules",
    "recipe",
    "chosen",
    "fits",
    "validation_top1_pct",
]
SCORED += ["n_ok", "n_total", "n_asked"]
Row = dict[Any, Any]  # of the table, those columns
Settings = Collection[tuple[str, int]]  # (backbone, K)
FAILED = "a cell did not end ok"
OTHER = "other pictures, stem or protocol"
NO_CONTEST = "the suite is a {role}"
ALONE = "no other method is ranked there"
MEASURE = "a reference, by which the others are measured"
NONE_APART: Mapping[str, str] = MappingProxyType({})
LEAST_SUITES = 2  # complete comparisons, below which there is no overall rank


class Ranked(NamedTuple):
    """A suite's rows of the table, and the score of each ranked method: a row a seed, a column a method."""

    rows: pd.DataFrame
    scores: pd.DataFrame


def ranking(
    board: pd.DataFrame,
    cells: pd.DataFrame,
    asked: Mapping[str, Settings] | None = None,
    uncut: Collection[str] = (),
    recipes: Mapping[str, str] | None = None,
    few: Collection[str] = (),
    apart: Mapping[str, str] = NONE_APART,
) -> pd.DataFrame:
    """One row per (suite, method), then one per method for the suite ``overall``, where there are suites for it.

    Args:
        board: the leaderboard.
        cells: all cells, those of the board.
        asked: the (backbone, K) of a suite's definition; of a suite that is not here, those that were run.
        uncut: methods that no cut changes: they stand at each K with their row of K = 1, as the twin does.
        recipes: whose recipe a suite's ranks are of; ``shared`` for a suite that is not here.
        few: suites that ask for some of the methods only: the others lack nothing overall.
        apart: the role of each suite that is no comparison.

    Returns:
        Columns ``COLUMNS``: ``score`` is the mean test accuracy over the suite's backbones, K and seeds (percent), or
        Borda's count: over all suites, the ranked methods that a method beats, half for a tie. ``of`` is the
        number of methods ranked. ``rank_low`` and ``rank_high`` are empty where ``missing`` says why.
    """
    if board.empty:
        return pd.DataFrame(columns=COLUMNS)
    chosen = board["suite"].map(lambda suite: (recipes or {}).get(suite, "shared"))
    board = board.assign(fits=(other_kind(board) == "") & (board["recipe"] == chosen), chosen=chosen)
    accuracies = _accuracies(board[board["fits"]], cells)
    suites = {
        str(suite): _rank_suite(
            rows,
            accuracies[accuracies["suite"] == suite],
            set((asked or {}).get(str(suite), ())),
            {TWIN, *uncut},
            apart.get(str(suite), ""),
        )
        for suite, rows in board.groupby("suite", sort=True)
    }
    contests = {suite: ranked for suite, ranked in suites.items() if suite not in {*few, *apart}}
    overall = [_overall(counted)] if len(counted := complete_suites(contests)) >= LEAST_SUITES else []
    table = pd.concat([*(ranked.rows for ranked in suites.values()), *overall], ignore_index=True)[COLUMNS]
    return table.astype(dict.fromkeys([*RANK, "of"], "Int64")).assign(
        score=to_decimals(table["score"].astype(float), 2)
    )


def _accuracies(rows: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of rows that ended ``ok``."""
    key = [name for name in [*ROW, *FILLED] if name != "times"]  # no reference of other epochs is compared
    done = cells[(cells["status"] == "ok") & cells["times"].isna()]
    return done[[*key, "seed", "test_top1_pct"]].merge(rows[key], on=key)


def _rank_suite(
    rows: pd.DataFrame, accuracies: pd.DataFrame, asked: set[tuple[str, int]], uncut: set[str], role: str
) -> Ranked:
    """Ranks of one suite's methods by the mean over its (backbone, K)."""
    wanted = sorted(asked or _settings(rows[rows["fits"]]))
    by_place = accuracies.pivot_table(  # of all at once: pandas takes as long for one method
        index="seed", columns=["method", "variant", "backbone", "modules"], values="test_top1_pct"
    )
    said, scores = [], {}
    for name, group in rows.groupby("method", sort=True):
        row, of_seed = _score(group, by_place, wanted, name in uncut)
        row["missing"] = _why_not(row, len(of_seed), role)
        said.append(row)
        if row["missing"] is None:
            scores[str(name)] = of_seed
    if len(scores) == 1:  # the first of one would be a headline
        said = [row | {"missing": row["missing"] or ALONE} for row in said]
        scores = {}
    by_seed = pd.DataFrame(scores)
    ranks = rank_intervals(by_seed).reindex([row["method"] for row in said]).reset_index(drop=True)
    return Ranked(pd.concat([pd.DataFrame(said), ranks], axis=1).assign(of=len(scores)), by_seed)


def _why_not(row: Mapping[str, Any], seeds: int, role: str) -> str | None:
    """Why a method has no rank; nothing for one that has."""
    if row["family"] == REFERENCE:
        return MEASURE
    if role:
        return NO_CONTEST.format(role=role)
    short = f"{seeds} seed{'' if seeds == 1 else 's'}, and a rank needs {ENOUGH}" if seeds < ENOUGH else None
    return row["missing"] or short


def _settings(rows: pd.DataFrame) -> set[tuple[str, int]]:
    """The (backbone, K) that were run; K = 1 counts where nothing was cut."""
    pairs = set(rows[["backbone", "modules"]].itertuples(index=False, name=None))
    cut = {backbone for backbone, k in pairs if k > 1}
    return {(backbone, k) for backbone, k in pairs if k > 1 or backbone not in cut}


def _score(
    rows: pd.DataFrame, by_place: pd.DataFrame, wanted: list[tuple[str, int]], uncut: bool
) -> tuple[dict[str, Any], pd.Series]:
    """What is said of a method, and its score by seed; empty where it is not complete.

    It is its variant that validates best among the complete ones; never chosen by its test accuracy.
    """
    known = rows[SCORED].to_dict("records")  # pandas takes longer for a few rows than for a table
    first = known[0]
    found = {"suite": first["suite"], "recipe": first["chosen"], "method": first["method"], "family": first["family"]}
    missing = "" if any(row["recipe"] == first["chosen"] for row in known) else f"not run: {first['chosen']}"
    runs: dict[str, dict[tuple[str, int], list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in known:
        if row["fits"]:
            runs[row["variant"]][row["backbone"], row["modules"]].append(row)
    complete = []
    for variant, run in sorted(runs.items()):
        at = {(b, k): (b, 1) if uncut and (b, k) not in run else (b, k) for b, k in wanted}
        lacks = [lack for place, own in at.items() if (lack := _lack(place, run.get(own, [])))]
        lack = FAILED if FAILED in lacks else "".join(lacks[:1])
        missing = missing or lack
        if not lack:
            validated = _mean(_mean(row["validation_top1_pct"] for row in run[own]) for own in at.values())
            complete.append((validated, variant, list(at.values())))
    if not complete:
        return found | {"variant": first["variant"], "score": nan, "missing": missing or OTHER}, pd.Series()
    _, variant, places = max(complete, key=lambda c: c[0])
    of_seed = by_place[[(found["method"], variant, *place) for place in places]].dropna().mean(axis=1)
    return found | {"variant": variant, "score": of_seed.mean(), "missing": None}, of_seed


def _mean(values: Iterable[float]) -> float:
    """Of those that are known; NaN of none."""
    known = [value for value in values if not isnan(value)]
    return fmean(known) if known else nan


def _lack(place: tuple[str, int], rows: Sequence[Row]) -> str:
    """What keeps a method's rows at one (backbone, K) from counting; empty if nothing does."""
    where = f"not run: {place[0]}, K = {place[1]}"
    if not rows:
        return where
    if any(row["n_ok"] < row["n_total"] for row in rows):
        return FAILED
    short = [row for row in rows if row["n_total"] < row["n_asked"]]
    if not short:
        return ""
    asked, total = int(short[0]["n_asked"]), int(short[0]["n_total"])
    return f"{where}, {asked - total} of {asked} seeds"


def complete_suites(contests: Mapping[str, Ranked]) -> dict[str, Ranked]:
    """The comparisons in which all methods of any comparison were run to the end, for better or worse."""
    ranked = {suite: found.rows[found.rows["missing"] != MEASURE] for suite, found in contests.items()}
    everybody = {method for rows in ranked.values() for method in rows["method"]}
    settled = {suite: rows["missing"].isna() | (rows["missing"] == FAILED) for suite, rows in ranked.items()}
    return {
        suite: contests[suite]
        for suite, rows in ranked.items()
        if settled[suite].all() and everybody == set(rows["method"]) and rows["missing"].isna().any()
    }


def _overall(suites: Mapping[str, Ranked]) -> pd.DataFrame:
    """Borda's count among the methods that are ranked in every suite, and the ranks that its interval allows.

    A method's count lies between those of its worst and of its best rank in each suite; it is above another whose
    count is smaller even at best. All intervals of all suites hold together but for a chance of ``ERROR``.
    """
    scores = {suite: ranked.scores for suite, ranked in suites.items()}
    rows = pd.concat([ranked.rows for ranked in suites.values()]).drop_duplicates("method")
    rows = rows.loc[rows["family"] != REFERENCE, ["method", "family"]].sort_values("method").set_index("method")
    lacking = {m: [suite for suite, of_seed in scores.items() if m not in of_seed] for m in rows.index}
    rows["missing"] = [f"not ranked in {', '.join(lacking[m])}" if lacking[m] else None for m in rows.index]
    ranked = [m for m in rows.index if not lacking[m]]
    count = pd.DataFrame(0.0, index=ranked, columns=["score", "least", "most"])
    for of_seed in scores.values():
        ranks = rank_intervals(of_seed[ranked], ERROR / len(scores))
        count["score"] += of_seed[ranked].mean().round(EXACT).rank() - 1
        count["least"] += len(ranked) - ranks["rank_high"]
        count["most"] += len(ranked) - ranks["rank_low"]
    count["rank_low"] = [1 + (count["least"] > most).sum() for most in count["most"]]
    count["rank_high"] = [len(ranked) - (count["most"] < least).sum() for least in count["least"]]
    rows = rows.join(count[["score", *RANK]]).reset_index()
    return rows.assign(suite=OVERALL, recipe="", variant="", of=len(ranked))


def with_rank(board: pd.DataFrame, ranks: pd.DataFrame, apart: Mapping[str, str] = NONE_APART) -> pd.DataFrame:
    """The board with each method's rank in its suite; rows that are not compared there have none, and no mark.

    ``leads`` says which rows the ranks are of, the others of that recipe included; ``role`` what their suite is for,
    which ``apart`` says of those that are no comparison.
    """
    found = ranks.set_index(WHERE)[RANK].reindex(pd.MultiIndex.from_frame(board[WHERE])).set_axis(board.index)
    leading = pd.MultiIndex.from_frame(board[WHERE[:2]]).isin(pd.MultiIndex.from_frame(ranks[WHERE[:2]]))
    compared = other_kind(board) == ""
    role = pd.Series([apart.get(suite, COMPARISON) for suite in board["suite"]], board.index, dtype=str)
    return board.assign(
        role=role,
        **{name: found[name].where(compared) for name in RANK},
        vs_best=board["vs_best"].where(compared & (role == COMPARISON)),
        leads=pd.Series(leading, index=board.index).map({True: "yes", False: "no"}),
    )
