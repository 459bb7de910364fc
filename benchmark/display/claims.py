"""The page of claims: each sentence, its verdict in a word and a colour, the picture that decides it, and the rows.

It is HTML with points drawn into tables, as the picture of gaps is: the same in both front ends, without a script.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from benchmark.display.explanations import with_code
from benchmark.display.gap import STEPS, plot
from benchmark.display.reading import read_table, web_address
from benchmark.tables.claims import CONTRADICTED, OPEN, SIMULATED, SUPPORTED, UNTESTED, VERDICTS
from benchmark.tables.columns import with_interval

TITLE = "What the papers claim"
LEAD = (
    "What the survey and the methods’ papers say, and what the records here say of it. A verdict is of the settings "
    "that were run here; a claim that is stated for other networks and longer training may hold there."
)
HOW = (
    "Supported: all settings that the claim names are certainly on its side of the line (of “at least one setting”: "
    "one of them is). Contradicted: one of them is certainly on the other side (all of them are). Certain is what a "
    "paired t test says after Holm’s correction for all claims together, in both directions: that noise gives any "
    "claim a verdict has a chance of 5 %. “Matches” is tested as not worse by more than a margin, which is ours. "
    "Memory and FLOPs are the same for all seeds and are compared without a test; memory is simulated, and that of "
    "each side’s own optimiser. Where no network was trained that a claim on them speaks of, `beyond plan` decides it,"
    " and the verdict says “simulated alone”; the two are never mixed. What is said of all settings waits until the "
    "suites that are half run are complete in it. A smoke test decides nothing. In the pictures the solid line is no "
    "difference and the dashed one what the claim has to pass; bars are 95 % t intervals of one setting, without "
    "correction, and hollow points have none. Accuracies scatter there as the seeds of all methods together say, as "
    "for ranks; the leaderboard’s intervals are of a row’s own seeds alone, and wider."
)
ADD = (
    "A claim is ten lines of `claims.yaml`: whoever misses one adds it by a pull request (CONTRIBUTING says how), and "
    "verdicts change by themselves as records come in."
)
MISSING = "There are no verdicts on claims here: `beyond claims` writes them."
FILTERS = {"verdict": "Verdict", "family": "Family"}
TEXT = ("family", "says", "words", "source", "link", "stated_for", "test", "verdict", "unit", "decided_by", "suites")
TEXT_OF_CLAIMS = ("claim", *TEXT, "only_smoke_test", "evidence", "why")
TEXT_OF_CASES = ("claim", "suite", "backbone", "recipe", "compare", "against", "compare_row", "against_row", "evidence")
MOST = 10  # settings in a picture: the first, which are those nearest to deciding
CLASSES = {SUPPORTED: "supported", CONTRADICTED: "contradicted", OPEN: "open", UNTESTED: "untested"}
# A light and a dark page's colour of each verdict; words in them are read on both.
COLOURS = {
    SUPPORTED: ("#00734F", "#4CC79B"),
    CONTRADICTED: ("#B23A00", "#FF9A66"),
    OPEN: ("#00609A", "#7CC4EF"),
    UNTESTED: ("#5C6570", "#9AA4B0"),
}
Address = Callable[[Mapping[str, str]], str]  # of a query


class Said(NamedTuple):
    """The two tables of ``results/``; empty where they are missing."""

    claims: pd.DataFrame
    cases: pd.DataFrame


def read_said(results: Path) -> Said:
    """What ``beyond claims`` wrote."""
    claims = read_table(results / "claims.csv", TEXT_OF_CLAIMS)
    return Said(claims, read_table(results / "claim_cases.csv", (*TEXT_OF_CASES, "smoke_test", "decides")))


def summary(claims: pd.DataFrame) -> str:
    """``Of 59 claims, 9 are supported, 12 contradicted, ...``."""
    counts = claims["verdict"].value_counts()
    simulated = (claims["evidence"] == SIMULATED).sum()
    alone = f" {simulated} of these verdicts rest on simulation alone." if simulated else ""
    said = ", ".join(f"{counts.get(name, 0)} are {name}" for name in VERDICTS)
    return f"Of {len(claims)} claims, {said}.{alone}"


def verdict_mark(verdict: str, evidence: str = "") -> Markup:
    """The word in its colour, and whether it rests on simulation alone."""
    said = f"{verdict}, simulated alone" if evidence == SIMULATED else verdict
    return Markup('<span class="bb-verdict bb-{}">{}</span>').format(CLASSES.get(verdict, "untested"), said)


def claims_list(said: Said, compare: Address, rows: Address) -> Markup:
    """All claims, in their order.

    Args:
        said: the claims to show, and the cases of any.
        compare: where two rows are set side by side.
        rows: where the leaderboard shows rows.
    """
    cases = dict(list(said.cases.groupby("claim"))) if len(said.cases) else {}
    none = said.cases[:0]
    return Markup("").join(
        _claim(row, cases.get(row["claim"], none), compare, rows) for row in said.claims.to_dict("records")
    )


def _claim(row: Mapping[Any, Any], cases: pd.DataFrame, compare: Address, rows: Address) -> Markup:
    link = web_address(row["link"])
    source = Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(link, row["source"]) if link else ""
    where = f"; stated for {row['stated_for']}" if row["stated_for"] else ""
    return Markup(
        '<section class="bb-claim bb-{}" id="{}"><h2><q>{}</q> {}</h2>'
        '<p class="bb-source">{}: {}{}.</p><p>{} {}</p>{}</section>'
    ).format(
        CLASSES.get(row["verdict"], "untested"),
        row["claim"],
        row["says"].rstrip("."),
        verdict_mark(row["verdict"], row["evidence"]),
        row["words"].capitalize(),
        source or row["source"],
        where,
        row["test"],
        with_code(_found(row)),
        _picture(row, cases, compare, rows),
    )


def _found(row: Mapping[Any, Any]) -> str:
    """``infopro contrast, K = 4, in cifar10: −6.15 ± 0.96 points, n = 3, p = 0.0003. Tested in ...``."""
    effect = effect_in_words(row)
    if not effect:
        return str(row["why"])
    p = f", p {probability(row['p'])} after correction" if row["p"] == row["p"] else ""
    n = "" if row["evidence"] == SIMULATED else f", n = {row['n']:.0f}"
    return f"{row['decided_by']}: {effect}{n}{p}. {row['why']}"


def effect_in_words(row: Mapping[Any, Any]) -> str:
    """``−6.15 ± 0.96 points``; nothing where there is none."""
    if row["effect"] != row["effect"]:
        return ""
    return f"{with_interval(row['effect'], row['half'], '+')} {row['unit']}".replace("-", "−")


def probability(p: float) -> str:
    """``= 0.012``, or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def _picture(row: Mapping[Any, Any], cases: pd.DataFrame, compare: Address, rows: Address) -> Markup:
    """The settings that come nearest to deciding; those of a smoke test where there is nothing else."""
    if cases.empty:
        return Markup("")
    cases = cases.dropna(subset=["effect"])
    contests = cases[cases["smoke_test"] != "yes"]
    shown = contests if len(contests) else cases
    if shown.empty:
        return Markup("")
    scale = _scale(shown[:MOST], float(row["threshold"]))
    lines = Markup("").join(_setting(case, row, scale, compare, rows) for case in shown[:MOST].to_dict("records"))
    more = int(row["found"]) - MOST
    left = Markup('<p class="bb-more">{} further settings have rows of both.</p>').format(more)
    return Markup('<div class="bb-cases" tabindex="0" role="region" aria-label="{}"><table>{}</table></div>{}').format(
        f"Settings of {row['claim']}", lines, left if more > 0 else ""
    )


def _scale(cases: pd.DataFrame, threshold: float) -> Callable[[float], int]:
    """From a difference to its place on the axis, which holds all that is drawn."""
    half = cases["half"].fillna(0.0)
    low = min(0.0, threshold, (cases["effect"] - half).min())
    high = max(0.0, threshold, (cases["effect"] + half).max())
    margin = 0.05 * (high - low) or 1.0
    return lambda x: round(STEPS * (x - low + margin) / (high - low + 2 * margin))


def _setting(
    case: Mapping[Any, Any], row: Mapping[Any, Any], place: Callable[[float], int], compare: Address, rows: Address
) -> Markup:
    where = ", ".join(filter(None, [case["suite"], case["backbone"], case["recipe"]]))
    name = f"{case['compare']} − {case['against']}"
    if case["compare_row"] and case["against_row"]:
        query = {"suite": case["suite"], "backbone": case["backbone"]}
        query |= {"a": case["compare_row"], "b": case["against_row"]}
        name = Markup('<a href="{}">{}</a>').format(compare(query), name)
    board = {"suite": case["suite"], "backbone": case["backbone"], "recipe": case["recipe"]}
    shown: str = where
    if case["recipe"]:
        shown = Markup('<a href="{}">{}</a>').format(rows(board), where)
    elif case["evidence"] == SIMULATED:
        shown = Markup('<a href="{}">{}</a>').format(rows({"suite": case["suite"]}), f"{where}, planned rows")
    smoke = " (a smoke test)" if case["smoke_test"] == "yes" else ""
    threshold = float(row["threshold"])
    lines = {"bb-zero": 0.0} | ({"bb-line": threshold} if threshold else {})
    effect = effect_in_words({**case, "unit": row["unit"]})
    return Markup('<tr{}><th scope="row">{}<small>{}{}</small></th><td>{}</td><td>{}, {}</td></tr>').format(
        Markup(' class="bb-decides"') if case["decides"] == "yes" else "",
        name,
        shown,
        smoke,
        plot(float(case["effect"]), float(case["half"]), lines, place),
        effect,
        "simulated" if case["evidence"] == SIMULATED else f"n = {int(case['n'])}",
    )
