"""Compare a suite that was trained again with its committed records."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmark.errors import UserError
from benchmark.schema.record import Record, read_record
from benchmark.verifying.agreement import POINTS, difference, disagreements, tolerance_of_a_run

SCRATCH = Path(".beyond/reproduce")


@dataclass(frozen=True)
class Comparison:
    """How the cells of a suite came out the second time."""

    cells: int
    identical: int  # accuracy equal to the last digit
    tolerance: float  # points, the largest of the cells'
    largest: float  # points
    faults: list[str]  # a sentence for each cell that was not reproduced

    @property
    def reproduced(self) -> bool:
        """Whether every cell lies within the tolerances."""
        return not self.faults


def committed_records(folder: Path, protocol: str) -> dict[str, Record]:
    """The records of one of a suite's protocols, by the end of their path.

    Raises:
        UserError: there are none to compare with.
    """
    found = {str(path.relative_to(folder)): read_record(path) for path in sorted(folder.glob("*/*.json"))}
    records = {end: record for end, record in found.items() if (record.identity.recipe or "shared") == protocol}
    if not records:
        raise UserError(f"There are no committed records of protocol {protocol} in {folder} to compare with.")
    return records


def compare(committed: dict[str, Record], new: dict[str, Record], seeds: int | None = None) -> Comparison:
    """Compare record by record: committed ones, of the first ``seeds``, with those of the second time."""
    old = {key: record for key, record in committed.items() if seeds is None or record.identity.seed < seeds}
    faults = [f"{key}: not among both." for key in sorted(old.keys() ^ new.keys())]
    differences, tolerances = [0.0], [POINTS]
    for key in sorted(old.keys() & new.keys()):
        faults += [f"{key}: {fault}" for fault in _no_claim(old[key], new[key])]
        differences.append(difference(old[key], new[key]))
        tolerances.append(tolerance_of_a_run(old[key], new[key], committed.values()))
        faults += [f"{key}: {fault}" for fault in disagreements(old[key], new[key], tolerances[-1])]
    return Comparison(len(old), differences[1:].count(0.0), max(tolerances), max(differences), faults)


def _no_claim(old: Record, new: Record) -> list[str]:
    """Why a committed record does not say what this checkout makes, however near their accuracies are."""
    faults = []
    if not old.genuine:
        faults.append("the committed record was edited after it was written; `git log` of its file says by whom.")
    if old.identity.protocol != new.identity.protocol:
        made = f"protocol {old.identity.protocol}, and this checkout trains by {new.identity.protocol}"
        faults.append(f"the committed record is of {made}.")
    return faults


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
