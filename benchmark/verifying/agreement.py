"""Whether a cell that was trained again agrees with its record.

By how much accuracy may differ is nothing that the claimant can decide: half a point where packages and device are
the same (there, all of 209 cells came out equal to the last digit), and elsewhere what the seeds of the suite's other
methods scatter, two points at most.
"""

from collections.abc import Iterable
from statistics import fmean, median, stdev

from benchmark.schema.record import Cost, Record
from benchmark.tables.verification import CEILING

POINTS = 0.5  # accuracy may differ by so many points; on another device or with other packages
DEVIATIONS = 3.0  # by so many standard deviations over seeds, if that is more, and never by more than CEILING points
SHARE = 0.10  # what is simulated, by this fraction
SIMULATED = {"peak memory": "peak_bytes", "memory ratio": "peak_ratio", "FLOP ratio": "flops_ratio"}


def tolerance_elsewhere(record: Record, suite: Iterable[Record]) -> float:
    """Points by which the test accuracy of a training on another device or with other packages may differ.

    Args:
        suite: records of the cell's suite; those of the cell's own method are passed over. Where no other row has
            several seeds, it is the ceiling.
    """
    scatter = _deviations(r for r in suite if r.identity.method != record.identity.method)
    return min(CEILING, max(POINTS, DEVIATIONS * median(scatter))) if scatter else CEILING


def tolerance_of_a_run(old: Record, new: Record, suite: Iterable[Record]) -> float:
    """The same where a whole suite is trained again.

    On another processor sums are rounded otherwise, and methods whose seeds lie points apart end points apart: the
    limit is what the seeds of the other methods scatter, root mean square over rows, without a ceiling.

    Args:
        suite: the committed records; those of the cell's own method are passed over, so that none widens its own limit.
    """
    if same_place(old, new):
        return POINTS
    scatter = _deviations(r for r in suite if r.identity.method != old.identity.method)
    return max(POINTS, DEVIATIONS * fmean(d * d for d in scatter or [0.0]) ** 0.5)


def same_place(old: Record, new: Record) -> bool:
    """Whether both were trained on the same kind of device with the same packages."""
    a, b = old.provenance, new.provenance
    return a is not None and b is not None and (a.device, a.versions, a.cuda) == (b.device, b.versions, b.cuda)


def _deviations(records: Iterable[Record]) -> list[float]:
    """Of each row with several seeds, the standard deviation of test accuracy over seeds; points."""
    rows: dict[tuple[object, ...], list[float]] = {}
    for r in records:
        if r.accuracy is not None and r.genuine:
            i = r.identity
            key = (i.method, i.variant, i.backbone, i.modules, i.recipe, i.times)
            rows.setdefault(key, []).append(r.accuracy.test_top1)
    return [stdev(values) for values in rows.values() if len(values) > 1]


def difference(old: Record, new: Record) -> float:
    """Points between the two test accuracies; infinite where only one has any."""
    if old.accuracy is None or new.accuracy is None:
        return 0.0 if old.accuracy is new.accuracy else float("inf")
    return abs(old.accuracy.test_top1 - new.accuracy.test_top1)


def disagreements(old: Record, new: Record, tolerance: float) -> list[str]:
    """A sentence for each way in which the second training differs too much from the first.

    Times are not compared: they belong to a machine.
    """
    faults = []
    if old.status != new.status:
        faults.append(f"ended {new.status}, committed {old.status}.")
    elif difference(old, new) > tolerance:
        faults.append(f"test accuracy differs by {difference(old, new):.2f} points.")
    if old.status == new.status == "ok":
        faults += [f"the {name} differ." for name, same in _same_facts(old, new).items() if not same]
    if old.status == new.status and (old.cost is None) != (new.cost is None):
        faults.append("only one of them says what it costs.")
    if old.cost and new.cost:
        faults += _dearer(old.cost, new.cost)
    return faults


def _same_facts(old: Record, new: Record) -> dict[str, bool]:
    """What is to be equal, by name."""
    return {
        "cut points": old.cuts == new.cuts,
        "labels consumed": old.labels == new.labels,
        "findings on isolation": old.isolation == new.isolation,
        "options": old.options == new.options,
        "recipes": None in (old.recipe, new.recipe) or old.recipe == new.recipe,  # older records name none
    }


def _dearer(old: Cost, new: Cost) -> list[str]:
    """A sentence for each cost that differs too much."""
    faults = []
    if (old.parameters, old.auxiliary_parameters) != (new.parameters, new.auxiliary_parameters):
        faults.append("the number of parameters differs.")
    for name, field in SIMULATED.items():
        before, after = getattr(old, field), getattr(new, field)
        if not _within(before, after):
            faults.append(f"the simulated {name} differs by more than {SHARE:.0%}.")
    return faults


def _within(before: float | None, after: float | None) -> bool:
    """Whether two figures differ by no more than ``SHARE``; a ratio that one of them lacks is no small difference."""
    if before is None or after is None:
        return before is after
    return abs(after - before) <= SHARE * abs(before)
