"""Compare a suite that was trained again with its committed records."""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pvariance

from rich.console import Console

from benchmark.errors import UserError
from benchmark.record import Record, read_record

SCRATCH = Path(".beyond/reproduce")
POINTS = 0.5  # accuracy may differ by so many points, or
DEVIATIONS = 3.0  # by so many standard deviations over seeds, pooled over the suite's rows
MEMORY = 0.10  # the simulated peak by this fraction


@dataclass(frozen=True)
class Comparison:
    """How the cells of a suite came out the second time."""

    cells: int
    identical: int  # accuracy equal to the last digit
    tolerance: float  # points
    largest: float  # points
    faults: list[str]  # a sentence for each cell that was not reproduced

    @property
    def reproduced(self) -> bool:
        """Whether every cell lies within the tolerances."""
        return not self.faults


def committed_records(folder: Path) -> dict[str, Record]:
    """The records of a suite, by the end of their path.

    Raises:
        UserError: there are none to compare with.
    """
    records = {str(path.relative_to(folder)): read_record(path) for path in sorted(folder.glob("*/*.json"))}
    if not records:
        raise UserError(f"There are no committed records in {folder} to compare with.")
    return records


def compare(old: dict[str, Record], new: dict[str, Record]) -> Comparison:
    """Compare record by record: committed ones with those of the second time.

    How far seeds scatter is taken from the second time, so that a wrong record cannot widen its own tolerance.
    """
    tolerance = max(POINTS, DEVIATIONS * _pooled_deviation(list(new.values())))
    faults = [f"{key}: not among both." for key in sorted(old.keys() ^ new.keys())]
    differences = []
    for key in sorted(old.keys() & new.keys()):
        differences.append(_difference(old[key], new[key]))
        faults += [f"{key}: {fault}" for fault in _faults(old[key], new[key], tolerance)]
    return Comparison(len(old), differences.count(0.0), tolerance, max(differences, default=0.0), faults)


def print_comparison(c: Comparison, console: Console) -> None:
    """A sentence on the whole, and one for each cell that differs too much."""
    for fault in c.faults:
        console.print(fault, style="red", highlight=False, markup=False)
    verdict = "Reproduced" if c.reproduced else "NOT reproduced"
    console.print(
        f"{verdict}: {c.identical} of {c.cells} cells have the committed accuracy to the last digit; "
        f"the largest difference is {c.largest:.2f} points (tolerance {c.tolerance:.2f}).",
        style="green" if c.reproduced else "red",
        highlight=False,
    )


def _pooled_deviation(records: list[Record]) -> float:
    """Root mean square, over rows, of the standard deviation of test accuracy over seeds; points."""
    rows: dict[tuple[object, ...], list[float]] = {}
    for r in records:
        if r.accuracy is not None:
            i = r.identity
            key = (i.method, i.variant, i.backbone, i.modules)
            rows.setdefault(key, []).append(r.accuracy.test_top1)
    variances = [pvariance(v) * len(v) / (len(v) - 1) for v in rows.values() if len(v) > 1]
    return fmean(variances) ** 0.5 if variances else 0.0


def _difference(old: Record, new: Record) -> float:
    """Points between the two test accuracies; infinite where only one has any."""
    if old.accuracy is None or new.accuracy is None:
        return 0.0 if old.accuracy is new.accuracy else float("inf")
    return abs(old.accuracy.test_top1 - new.accuracy.test_top1)


def _faults(old: Record, new: Record, tolerance: float) -> list[str]:
    faults = []
    if old.status != new.status:
        faults.append(f"ended {new.status}, committed {old.status}.")
    elif _difference(old, new) > tolerance:
        faults.append(f"test accuracy differs by {_difference(old, new):.2f} points.")
    if old.cuts != new.cuts:
        faults.append("the cut points differ.")
    if old.cost and new.cost:
        if old.cost.parameters != new.cost.parameters:
            faults.append("the number of parameters differs.")
        if abs(new.cost.peak_bytes / old.cost.peak_bytes - 1) > MEMORY:
            faults.append("the simulated peak memory differs by more than 10 %.")
    return faults
