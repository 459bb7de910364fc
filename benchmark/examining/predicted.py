"""What examining a track will cost: as long as it took where that was done, since nothing of it is simulated."""

from collections.abc import Iterator, Sequence
from statistics import median

from benchmark.examining.examination import options_of
from benchmark.examining.examined import EXAMINED, Examined, all_examined
from benchmark.running.methods import methods_of
from benchmark.schema.suite import Suite, cells, load_suite


def examining_in_words(name: str, methods: Sequence[str] | None = None) -> list[str]:
    """A sentence on each examination of a suite, by all its methods or these; none where it is no track.

    Raises:
        UserError: there is no such suite or method, or its examinations are not as they should be.
    """
    suite = load_suite(name)
    if not suite.examine:
        return []
    options_of(name, suite)
    found = [each for each in all_examined(EXAMINED) if each.status == "ok"]
    count = sum(len(cells(name, suite, method)) for method in methods or methods_of(suite))
    return list(_sentences(name, suite, count, found))


def _sentences(name: str, suite: Suite, count: int, found: Sequence[Examined]) -> Iterator[str]:
    for examination in suite.examine or {}:
        known = [each for each in found if each.examination == examination]
        here = [each for each in known if each.identity.suite == name]
        begins = f"Then `beyond examine {name}`: {examination} of {count} networks"
        if not known:
            yield f"{begins}; nobody has done that yet, so how long it takes is not known."
            continue
        seconds = sorted(each.made.seconds for each in here or known)
        where = " and ".join(sorted({each.identity.suite for each in here or known}))
        took = (
            f"measured, {len(seconds)} in {where} took {median(seconds):.1f} s each (median; {seconds[-1]:.1f} at most)"
        )
        if here:
            minutes = count * sum(seconds) / len(seconds) / 60
            yield f"{begins}, about {minutes:.1f} minutes of processor time: {took}."
        else:
            yield f"{begins}; {took}, whose networks and options are others."
