"""What the board's first lines say of the comparison that it opens on: who ran there, how long, and what to expect."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from benchmark.schema.suite import TWIN
from benchmark.tables.columns import SMOKE_TEST, is_reference, is_twin, with_interval
from benchmark.tables.reproductions import our_backbones, plain_name

EVERY = (
    "Every way to train a deep network without end-to-end backpropagation, side by side on the same pictures, "
    "backbones and seeds."
)
SECOND_HAND = "second-hand"  # in the note of a figure that we have not read in its own paper
ERROR = "test_error_pct"


def lead(suite: str, board: pd.DataFrame, figures: pd.DataFrame, suites: Mapping[str, Any], methods: int) -> str:
    """One paragraph on a suite, plain text.

    Args:
        suite: its name.
        board: the leaderboard.
        figures: the papers', of ``reproductions.csv``.
        suites: ``suites.json``.
        methods: how many methods there are, references apart.
    """
    rows = board[(board["suite"] == suite) & board["times"].isna() & (board["kind"] == "")]
    leading = rows[rows["leads"] == "yes"]
    title = str(suites.get(suite, {}).get("title", suite))
    begin = f"{title}{_what(leading)}: {_ran(leading, methods)}, {_epochs(leading)}.{_seeds(leading)}"
    return f"{begin} {_backpropagation(leading)} {_literature(leading, figures)}".strip()


def _what(rows: pd.DataFrame) -> str:
    return ", a smoke test" if (rows["role"] == SMOKE_TEST).any() else ""


def _ran(rows: pd.DataFrame, methods: int) -> str:
    ended = rows.loc[~is_reference(rows)].groupby("method")["n_ok"].sum() > 0
    lost = f" ({(~ended).sum()} of them did not finish)" if not ended.all() else ""
    return f"{len(ended)} of {methods} methods were run there{lost}"


def _epochs(rows: pd.DataFrame) -> str:
    """For the suite's epochs, which the twin has; and what methods of several phases have in all of them."""
    known = rows["epochs"].dropna()
    twin = rows.loc[is_twin(rows), "epochs"].dropna()
    if known.empty:
        return "none to the end"
    usual, most = int(twin.iloc[0] if len(twin) else known.mode().iloc[0]), int(known.max())
    further = f" (those of several phases up to {most} in all)" if most > usual else ""
    return f"for {usual} epoch{'' if usual == 1 else 's'}{further}"


def _seeds(rows: pd.DataFrame) -> str:
    """What is still to come, where rows have fewer seeds than their suite asks for; one that failed was run."""
    if not (rows["n_total"] < rows["n_asked"]).any():
        return ""
    few, most, asked = int(rows["n_total"].min()), int(rows["n_total"].max()), int(rows["n_asked"].max())
    have = f"{few}" if few == most else f"{few} to {most}"
    ranked = rows.loc[rows["rank_low"].notna(), "method"].nunique()
    who = "method that lacks" if ranked == 1 else "methods that lack"
    among = f" Ranks are among the {ranked} {who} none." if ranked else ""
    return f" Not complete: of {asked} seeds that are asked for, its rows have {have} so far.{among}"


def _backpropagation(rows: pd.DataFrame) -> str:
    twins = rows[is_twin(rows)].dropna(subset=["test_top1_pct"])
    several = twins["backbone"].nunique() > 1
    reached = [
        f"{with_interval(row['test_top1_pct'], row['test_top1_half_pct'])} %"
        + (f" ({row['backbone']})" if several else "")
        for row in twins.to_dict("records")
    ]
    return f"Backpropagation reaches {', '.join(reached)} here" if reached else "Backpropagation was not run here"


def _literature(rows: pd.DataFrame, figures: pd.DataFrame) -> str:
    """What end-to-end backpropagation reaches in papers on the same pictures: on these backbones, else on any."""
    found = figures[(figures["method"] == TWIN) & (figures["metric"] == ERROR)] if len(figures) else figures
    if len(found):
        found = found[found["dataset"].map(plain_name).isin(set(rows["dataset"].map(plain_name)))]
        found = found[~found["note"].str.contains(SECOND_HAND)]
    if found.empty:
        return "and no figure of the literature is at hand for these pictures."
    same = found[our_backbones(found).map(plain_name).isin(set(rows["backbone"].map(plain_name)))]
    best = (same if len(same) else found).sort_values("published").iloc[0]
    network = best["backbone"] if isinstance(best["backbone"], str) and best["backbone"] else "a network unnamed"
    other = "" if len(same) else ", by other networks and longer recipes"
    return f"and up to {100 - best['published']:.2f} % in the literature ({network}, {best['publication']}){other}."
