"""Each family as K grows: the middle, the worst and the best of its methods' gaps, in a table and in a sentence."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmark.display.texts import FAMILIES
from benchmark.tables.columns import REFERENCE, to_decimals
from benchmark.tables.variants import one_variant

TITLE = "Each family as K grows"
ALL = "all of the family"
HOW = (
    "Difference to the end-to-end twin in points: the median of the methods that were run at every K of the setting, "
    "and in brackets the worst and the best of them. “Change” is the median of what a method gains or loses from the "
    "smallest K to the largest. Below each family stand the learning signals in it."
)
CHANGE = "change"
MEANS = {  # of the headings
    "gap": "median difference to the end-to-end twin, points; in brackets the worst and the best method",
    CHANGE: "median over methods, from the smallest K to the largest, points",
}


def ks_of(rows: pd.DataFrame) -> list[int]:
    """The numbers of modules that anything was cut into, ascending."""
    return sorted({int(k) for k in rows["modules"] if k > 1})


def by_family(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a family, and below it one for each of its branches where it has several.

    Args:
        rows: of the leaderboard, of one suite, backbone and recipe, without references.

    Returns:
        Columns ``family``, ``branch``, ``methods`` (how many), for each K the text ``k2``, and ``change`` (points; NaN
        where there is one K).
    """
    lines = [line for family, gaps in _families(rows) for line in _family(family, gaps)]
    return pd.DataFrame(lines, columns=["family", "branch", "methods", *map(key, ks_of(rows)), CHANGE])


def key(k: int) -> str:
    """The column of a K."""
    return f"k{k}"


def in_a_sentence(rows: pd.DataFrame) -> str:
    """``weakly modular (22 methods): −0.9 at K = 2, −1.6 at K = 4; ...``; empty where no method was run at every K.

    It says of which methods cells failed, which gaps leave out.
    """
    said, counted = [], set[str]()
    for family, gaps in _families(rows):
        middles = ", ".join(f"{_points(gaps[k].median())} at K = {k}" for k in gaps)
        said.append(f"{family} ({len(gaps)} method{'' if len(gaps) == 1 else 's'}): {middles}")
        counted |= set(gaps.index.get_level_values("method"))
    lost = sorted(counted & set(rows.loc[(rows["n_ok"] < rows["n_total"]) & (rows["modules"] > 1), "method"]))
    but = f" Cells failed of {', '.join(lost)}: the gaps are of those that ended." if lost else ""
    return f"Median gap to end-to-end backpropagation, points: {'; '.join(said)}.{but}" if said else ""


def _families(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Of each family, by branch and method: the gap at each K, of the methods that have one at all of them.

    Of several variants that which validates best stands for its method, as for ranks.
    """
    own = rows[(rows["modules"] > 1) & (rows["kind"] == "") & (rows["family"] != REFERENCE)]
    best = one_variant(own).drop_duplicates(["method", "modules"])
    index = ["family", "branch", "method"]
    gaps = best.pivot(index=index, columns="modules", values="vs_e2ebp_pct").reindex(columns=ks_of(rows)).dropna()
    for family in FAMILIES:
        if len(own := gaps[gaps.index.isin([family], level="family")]):
            yield family, own


def _family(family: str, gaps: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield _line(family, ALL, gaps)
    branches = list(gaps.groupby(level="branch", sort=True))
    for branch, part in branches if len(branches) > 1 else ():
        yield _line(family, str(branch), part)


def _line(family: str, branch: str, gaps: pd.DataFrame) -> dict[str, Any]:
    changes = gaps[gaps.columns[-1]] - gaps[gaps.columns[0]]
    return {
        "family": family,
        "branch": branch,
        "methods": len(gaps),
        **{key(int(str(k))): _spread(gaps[k]) for k in gaps},
        CHANGE: changes.median() if len(gaps.columns) > 1 else float("nan"),
    }


def _spread(gaps: pd.Series) -> str:
    """``−0.9 (−15.1 to +0.7)``."""
    middle = _points(gaps.median())
    return f"{middle} ({_points(gaps.min())} to {_points(gaps.max())})" if len(gaps) > 1 else middle


def _points(value: float) -> str:
    return f"{to_decimals(value, 1):+.1f}".replace("-", "−")
