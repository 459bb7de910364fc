"""One case of a claim: the difference of two sides in one setting, how far seeds scatter it, and how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit  # importing scipy.stats takes a second

from benchmark.schema.claims import TIME, Claim
from benchmark.tables.certainty import LEAST
from benchmark.tables.columns import ENOUGH
from benchmark.tables.pairing import SIDE


class Case(NamedTuple):
    """Two sides in one setting.

    ``effect``: compare minus against (percent of the latter, for costs and times); ``error``: standard error of it,
    NaN where it is not tested; ``supports`` and ``contradicts``: one-sided p of the claim's threshold; ``failed`` and
    ``failed_against``: cells of the two sides that did not end ok; ``no_support`` and ``no_contradiction``: what they
    keep it from, whatever the p of the others; ``batch``: pictures a step of a case that is simulated alone, where no
    cell was trained (its ``n`` is 0).
    """

    where: dict[str, Any]
    compare: dict[str, Any]
    against: dict[str, Any]
    failed: int
    smoke: bool
    effect: float
    n: int
    failed_against: int = 0
    no_support: bool = False
    no_contradiction: bool = False
    error: float = float("nan")
    freedom: float = float("nan")
    supports: float = float("nan")
    contradicts: float = float("nan")
    batch: int | None = None

    @property
    def half(self) -> float:
        """Half of the 95 % t interval."""
        return float(stdtrit(self.freedom, 0.975) * self.error) if self.tested else float("nan")

    @property
    def tested(self) -> bool:
        """Whether there were enough pairs."""
        return self.n >= ENOUGH and self.error == self.error

    @property
    def counts(self) -> bool:
        """Whether it bears on the verdict: a smoke test never does, nor what has no p."""
        return not self.smoke and self.supports == self.supports

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from the claim's other cases."""
        return (*self.where.values(), *map(str, self.compare.values()), *map(str, self.against.values()))


def judge(
    claim: Claim, differences: Sequence[float], variance: tuple[float, float] | None = None, **about: Any
) -> Case:
    """One case from the differences of its pairs; ``variance`` of one of them, and its degrees of freedom, if known."""
    n, effect = len(differences), float(np.mean(differences)) if differences else float("nan")
    case = _barred(claim, Case(**about, effect=effect, n=n))
    if n and not claim.tested:
        lies = claim.sign * (effect - claim.threshold)
        holds = lies > 0 or (lies == 0 and claim.expect.startswith("not "))
        return case._replace(supports=float(not holds), contradicts=float(holds))
    if n < ENOUGH:  # no test; but what did not end keeps a claim from holding everywhere
        return case._replace(supports=1.0, contradicts=1.0, no_contradiction=True) if case.no_support else case
    own, freedom = variance or (float(np.var(differences, ddof=1)), n - 1)
    return put_to_the_test(claim, case, max(own, LEAST**2) / n, freedom)


def _barred(claim: Claim, case: Case) -> Case:
    """What cells that did not end keep the case from.

    No claim is supported where the first side failed. A mean over the seeds that ended flatters its side, so that it
    decides nothing in that side's favour, either.
    """
    of_compare, of_against = bool(case.failed), bool(case.failed_against)
    if claim.metric in TIME:
        return case._replace(no_support=of_compare)
    flattered, other = (of_compare, of_against) if claim.sign > 0 else (of_against, of_compare)
    return case._replace(no_support=of_compare or flattered, no_contradiction=other)


def put_to_the_test(claim: Claim, case: Case, variance: float, freedom: float) -> Case:
    """The case with its p; ``variance`` is that of its effect."""
    error = variance**0.5
    beyond = claim.sign * (case.effect - claim.threshold) / error
    return case._replace(
        error=error,
        freedom=freedom,
        supports=1.0 if case.no_support else float(stdtr(freedom, -beyond)),
        contradicts=1.0 if case.no_contradiction else float(stdtr(freedom, beyond)),
    )


def differences_of(own: Mapping[Any, float], other: Mapping[Any, Any], relative: bool = False) -> list[float]:
    """Of the pairs that both have; relative ones in percent of the other."""
    both = [(own[pair], other[pair]) for pair in sorted(own) if pair in other]
    return [100 * (a / b - 1) for a, b in both if b] if relative else [a - b for a, b in both]


def in_words(side: Mapping[str, Any]) -> str:
    """``infopro contrast, K = 4``; else each column and its value, of a method the value alone."""
    if list(side) == SIDE:
        return f"{side['method']} {side['variant']}".rstrip() + f", K = {side['modules']}"
    names = {"method": "", "variant": "", "modules": "K = "}
    return ", ".join(names.get(name, f"{name} ") + values_in_words(value) for name, value in side.items())


def values_in_words(value: Any) -> str:
    """``a or b``."""
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
