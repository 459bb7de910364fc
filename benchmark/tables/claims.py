"""The verdict on each claim of ``claims.yaml``, from the records alone.

A claim that is to hold everywhere is supported where each of its cases supports it (the largest p of them counts), and
contradicted by any one (the smallest p, times their number); one that is to hold somewhere the other way about. What is
certain then Holm's correction says, over all claims that are tested and both directions: the chance that noise alone
gives any of them a verdict is :data:`benchmark.tables.certainty.ERROR`. Costs that no seed moves are compared without a
test, and a smoke test decides nothing.
"""

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from benchmark.errors import UserError
from benchmark.examining.examination import examination_names, load_examination
from benchmark.holm import holm_adjusted
from benchmark.schema.claims import NAME, Claim
from benchmark.tables.case import Case, in_words, values_in_words
from benchmark.tables.cases_of_tracks import cases_of_table
from benchmark.tables.certainty import ERROR
from benchmark.tables.columns import ENOUGH, to_decimals
from benchmark.tables.evidence import Evidence

SUPPORTED, CONTRADICTED = "supported", "contradicted"
OPEN, UNTESTED = "not distinguishable", "not tested at this scale"
VERDICTS = (SUPPORTED, CONTRADICTED, OPEN, UNTESTED)
POWER = 0.8  # the chance with which the seeds that a claim is said to need would decide it
KEPT = 30  # cases of a claim in the table: the headline alone has thousands once all suites were run
MOST = 1000  # seeds; a claim that needs more will not be decided by them
CLAIMS = ["claim", "family", "says", "words", "source", "link", "stated_for", "test", "verdict", "effect", "half"]
CLAIMS += [
    "unit",
    "threshold",
    "n",
    "p",
    "seeds_needed",
    "decided_by",
    "cases",
    "found",
    "suites",
    "only_smoke_test",
    "evidence",
    "why",
]
CASES = ["claim", "suite", "backbone", "recipe", "compare", "against", "compare_row", "against_row"]
CASES += ["effect", "half", "n", "evidence", "failed", "smoke_test", "decides"]
TRAINED, SIMULATED = "trained", "simulated"  # what a verdict rests on; the two are never mixed


class Weighed(NamedTuple):
    """A claim with its cases: p of support and of contradiction over all of them, NaN where nothing was tested."""

    claim: Claim
    cases: list[Case]
    supports: float = nan
    contradicts: float = nan
    waiting: int = 0  # cases that suites which are half run have in store for it

    @property
    def counting(self) -> list[Case]:
        """The cases that bear on the verdict."""
        return [case for case in self.cases if case.counts]

    @property
    def known(self) -> bool:
        """Whether there is anything to say a verdict of."""
        return any(case.tested or not self.claim.tested for case in self.counting)

    @property
    def simulated(self) -> bool:
        """Whether it rests on plans, of which nothing was trained."""
        return any(case.batch for case in self.cases)

    @property
    def p(self) -> float:
        """In the direction that the cases point to, for both directions."""
        return min(1.0, 2 * min(self.supports, self.contradicts))

    @property
    def nearest(self) -> list[Case]:
        """The cases, that first on which the verdict rests, or would rest; those that bear on none last."""
        everywhere, holds = self.claim.holds == "everywhere", self.supports <= self.contradicts
        worst_first = 1 if everywhere else -1  # of cases with the same p, such as costs, which are not tested

        def order(case: Case) -> tuple[Any, ...]:
            p = case.supports if holds else case.contradicts
            effect = worst_first * self.claim.sign * case.effect
            place = (not case.counts, case.smoke, case.effect != case.effect)
            return (*place, -p if everywhere == holds else p, effect) if case.counts else (*place, 0.0, effect)

        return sorted(self.cases, key=order)


def weigh(claim: Claim, cases: Sequence[Case], waiting: int = 0) -> Weighed:
    """All cases together: the p of the worst for what has to hold in all of them, Bonferroni's for any one.

    What is said of all cases has to wait for those that are ``waiting``.
    """
    found = Weighed(claim, list(cases), waiting=waiting)
    if not found.counting:
        return found
    supports, contradicts = ([getattr(case, p) for case in found.counting] for p in ("supports", "contradicts"))
    count, of_all = len(found.counting), 1.0 if waiting else 0.0
    if claim.holds == "everywhere":
        return found._replace(supports=max(*supports, of_all), contradicts=min(1.0, min(contradicts) * count))
    return found._replace(supports=min(1.0, min(supports) * count), contradicts=max(*contradicts, of_all))


def tables_of_claims(
    claims: Mapping[str, Claim], evidence: Evidence, results: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row a claim (columns ``CLAIMS``), and one for each of the ``KEPT`` cases nearest to deciding it (``CASES``).

    ``effect`` is that of the case in ``decided_by``, ``half`` half of its 95 % t interval, ``p`` the claim's after
    Holm's correction; all are empty where nothing was tested.

    Raises:
        UserError: a claim names a column that is not there; names the claim.
    """
    weighed = {name: _weighed(name, claim, evidence, results) for name, claim in claims.items()}
    tested = [name for name, found in weighed.items() if found.claim.tested and found.known]
    p = dict(zip(tested, holm_adjusted(np.array([weighed[name].p for name in tested])), strict=True))
    rows = [_row(name, found, p.get(name, nan), len(tested)) for name, found in weighed.items()]
    cases = [
        _case(row["claim"], found.claim, case, decides=row["verdict"] != UNTESTED and i == 0)
        for row, found in zip(rows, weighed.values(), strict=True)
        for i, case in enumerate(found.nearest[:KEPT])
    ]
    table = pd.DataFrame(rows, columns=CLAIMS).astype({"n": "Int64", "seeds_needed": "Int64"})
    table["p"] = table["p"].map(lambda value: float(f"{value:.3g}"))
    return _rounded(table), _rounded(pd.DataFrame(cases, columns=CASES))


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: to_decimals(table[name].astype(float), 3) for name in ("effect", "half")})


def _weighed(name: str, claim: Claim, evidence: Evidence, results: Path) -> Weighed:
    try:
        if claim.table is None:
            cases = evidence.cases(claim)
            if all(case.smoke for case in cases) and (simulated := evidence.simulated(claim)):
                cases = simulated
            return weigh(claim, cases, evidence.waiting(claim, [case for case in cases if case.counts]))
        path = results / f"{claim.table}.csv"
        return weigh(claim, cases_of_table(claim, pd.read_csv(path), evidence.smoke) if path.exists() else [])
    except UserError as error:
        raise UserError(f"{NAME}: {name}: {error}") from None


def verdict(weighed: Weighed, p: float) -> str:
    """In a word; ``p`` is corrected for all claims, and says nothing where there is no test."""
    if not weighed.known:
        return UNTESTED
    if min(weighed.supports, weighed.contradicts) > ERROR if not weighed.claim.tested else p > ERROR:
        return UNTESTED if weighed.waiting else OPEN
    return SUPPORTED if weighed.supports <= weighed.contradicts else CONTRADICTED


def _row(name: str, weighed: Weighed, p: float, tested: int) -> dict[str, Any]:
    claim, said = weighed.claim, verdict(weighed, p)
    needed = seeds_needed(weighed, tested) if said == OPEN else None
    row = {field: getattr(claim, field) for field in ("family", "says", "words", "source", "link", "stated_for")}
    row |= {"claim": name, "test": said_of_test(claim), "verdict": said, "unit": claim.in_unit}
    row |= {
        "threshold": claim.threshold,
        "p": nan if said == UNTESTED else p,
        "seeds_needed": needed if needed and needed <= MOST else None,
    }
    found = sum(not case.smoke for case in weighed.cases)
    row |= {"cases": len(weighed.counting), "found": found, "suites": ", ".join(_suites(weighed.counting))}
    smoke_alone = bool(weighed.cases) and all(case.smoke for case in weighed.cases)
    row["evidence"] = (SIMULATED if weighed.simulated else TRAINED) if said != UNTESTED else ""
    row["only_smoke_test"] = "yes" if smoke_alone else "no"
    if said != UNTESTED:
        case = weighed.nearest[0]
        row |= {
            "effect": case.effect,
            "half": case.half,
            "n": None if case.batch else case.n,
            "decided_by": _place(case),
        }
    return row | {"why": _why(weighed, said, needed)}


def _case(name: str, claim: Claim, case: Case, decides: bool) -> dict[str, Any]:
    sides = {"compare": case.compare, "against": case.against or {"the number": claim.against}}
    return {
        "claim": name,
        **case.where,
        **{side: in_words(said) for side, said in sides.items()},
        **{f"{side}_row": _name_of_row(said, case.where) for side, said in sides.items()},
        "effect": case.effect,
        "half": case.half,
        "n": case.n,
        "evidence": SIMULATED if case.batch else TRAINED,
        "failed": case.failed,
        "smoke_test": "yes" if case.smoke else "no",
        "decides": "yes" if decides else "no",
    }


def _name_of_row(side: Mapping[str, Any], where: Mapping[str, Any]) -> str:
    """What the leaderboard's pages call the row; empty for what is none."""
    return f"{in_words(side)}, {where['recipe']}" if "modules" in side and "recipe" in where else ""


def _suites(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(str(case.where["suite"]) for case in cases if "suite" in case.where))


def _place(case: Case) -> str:
    place = ", ".join(str(value) for name, value in case.where.items() if name != "recipe")
    return f"{in_words(case.compare)}" + (f", in {place}" if place else "")


def _metric_in_words(claim: Claim) -> str:
    """Of a track's table: its column's heading, in quotation marks."""
    if claim.table in examination_names():
        heading, _ = load_examination(claim.table).columns.get(claim.metric, (claim.metric, ""))
        return f"“{heading}”"
    return claim.metric[0].upper() + claim.metric[1:]


def said_of_test(claim: Claim) -> str:
    """``Accuracy of dgl minus that of dni is above 0 points, in every setting.``"""
    against = f"{claim.against:g}" if not isinstance(claim.against, dict) else f"that of {in_words(claim.against)}"
    metric = f"{_metric_in_words(claim)} of {in_words(claim.compare)}"
    less = f"{metric} minus {against}" if claim.against else metric
    relative = claim.in_unit == "%" and isinstance(claim.against, dict) and claim.table is None
    side = f"{claim.threshold:+g}".replace("-", "−") if claim.threshold else "0"
    than = f"{metric} over {against}, as a difference in percent," if relative else less
    unit = "%" if relative else claim.in_unit
    direction = "above" if claim.sign > 0 else "below"
    settings = "in every setting" if claim.holds == "everywhere" else "in at least one setting"
    among = "".join(f", {name} {values_in_words(value)}" for name, value in claim.where.items())
    return f"{than} is {direction} {side} {unit}, {settings}{among}."


def _why(weighed: Weighed, said: str, needed: int | None) -> str:
    """What a reader asks of a verdict, in a sentence or two."""
    if said == UNTESTED:
        return _why_untested(weighed)
    lost = _lost(weighed.counting)
    cases = _settings(len(weighed.counting))
    if not weighed.claim.tested:
        holds = sum(case.supports == 0.0 for case in weighed.counting)
        if weighed.simulated:
            batches = " and ".join(f"{batch:,}" for batch in sorted({case.batch or 0 for case in weighed.counting}))
            return (
                f"Simulated alone (`beyond plan`), with {batches} pictures a step, in {cases}, of which {holds} on its "
                "side: no cell of them was trained here."
            )
        return f"Compared without a test in {cases}, of which {holds} on its side: no seed moves it."
    if said != OPEN:
        return f"Tested in {cases}, {_how_tested(weighed.claim)}.{lost}"
    if needed is None:
        return f"Tested in {cases}: what did not end keeps it open, whatever other seeds say.{lost}"
    if needed > MOST:
        return f"Tested in {cases}: as the means are, not even {MOST:,} seeds would decide it.{lost}"
    return f"Tested in {cases}: about {needed} seeds would decide it, if means and scatter stay as they are.{lost}"


def _lost(cases: Sequence[Case]) -> str:
    """What cells that did not end keep from a verdict; empty if all did."""
    failed, against = (sum(getattr(case, side) > 0 for case in cases) for side in ("failed", "failed_against"))
    said = f" In {failed} of them cells did not end ok, and a claim does not hold where they did not." if failed else ""
    if against:
        said += f" In {against} of them cells of the other side did not: a mean without them decides nothing for it."
    return said


def _how_tested(claim: Claim) -> str:
    if isinstance(claim.half, list):
        return f"by the 95 % intervals that the table `{claim.table}` has"
    return "by means and intervals, unpaired" if claim.half else f"paired by {claim.pair_by}"


def _why_untested(weighed: Weighed) -> str:
    contests = [case for case in weighed.cases if not case.smoke]
    if not contests:
        smoke = "Only a smoke test speaks to it, and a smoke test decides nothing."
        return smoke if weighed.cases else "No rows here speak to it."
    tested = sum(case.counts for case in contests)
    if tested and weighed.waiting:
        so_far = "none decides it alone" if weighed.claim.tested else "none of them decides it"
        return (
            f"Known in {_settings(tested)}, of which {so_far}; it waits for {weighed.waiting} more of half-run suites."
        )
    most, failed = max(case.n for case in contests), any(case.failed for case in contests)
    pairs = f"{most} {weighed.claim.pair_by}{'' if most == 1 else 's'}"
    return f"Rows of both have {pairs} in common; a test needs {ENOUGH}." + (" Cells did not end ok." if failed else "")


def _settings(count: int) -> str:
    return f"{count} setting{'' if count == 1 else 's'}"


def seeds_needed(weighed: Weighed, tested: int) -> int | None:
    """How many seeds would decide a claim with a chance of :data:`POWER`, if effects and scatter stay as they are.

    At the level that Bonferroni leaves each of the ``tested`` claims. More than :data:`MOST` is no answer; none where a
    cell did not end, which no further seed makes good.
    """
    claim, cases = weighed.claim, [case for case in weighed.counting if case.tested]
    level, everywhere = ERROR / 2 / max(tested, 1), claim.holds == "everywhere"
    holding = [case for case in cases if claim.sign * (case.effect - claim.threshold) > 0]
    failing = [case for case in cases if case not in holding]
    all_of, any_of = (holding, failing) if everywhere else (failing, holding)
    deciding = [case for case in any_of if not (case.no_contradiction if everywhere else case.no_support)]
    if deciding:
        return min(_needed(claim, case, level / len(weighed.counting)) for case in deciding)
    if any_of or any(case.no_support if everywhere else case.no_contradiction for case in weighed.counting):
        return None
    return max((_needed(claim, case, level) for case in all_of), default=None)


def _needed(claim: Claim, case: Case, level: float) -> int:
    """Seeds of one case: its variance over the square of its distance from the threshold, times that of two t.

    Each further seed is a degree of freedom more: the t of few seeds are far wider than those of as many as it takes.
    """
    distance = abs(case.effect - claim.threshold)
    if not distance:
        return MOST + 1
    seeds = np.arange(ENOUGH, MOST + 1)
    freedom = case.freedom + seeds - case.n
    quantiles = stdtrit(freedom, 1 - level) + stdtrit(freedom, POWER)
    enough = case.error**2 * case.n * quantiles**2 / distance**2 <= seeds
    return int(seeds[enough.argmax()]) if enough.any() else MOST + 1
