"""What ``beyond verify`` found about a record: one JSON a verified cell, in ``results/verified/``.

An outcome names the digest of the record that it is about, so a record that is trained again is self-reported
again, and its old outcome says nothing any more.

Cells may differ by a tolerance each. If several of a row do, all in the claimant's favour, that is no accident: the
sum of their differences may reach what independent ones would, the root of the sum of their squared tolerances.
"""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Literal

from benchmark.errors import UserError
from benchmark.schema.record import Identity, Part, read_part

SELF_REPORTED = "self-reported"
Verdict = Literal["verified", "failed"]
CEILING = 2.0  # points by which accuracy may differ at most, whatever an outcome says of its tolerance


class Verification(Part):
    """The outcome of training one cell again from nothing."""

    identity: Identity
    digest: str  # of the record that was committed
    verdict: Verdict
    faults: list[str]  # a sentence for each difference that is too large
    committed_top1: float | None  # percent, on the test split
    again_top1: float | None
    tolerance: float  # points
    protections: list[str]  # under which the method's file ran
    git_commit: str
    device: str
    started_utc: str


def read_verification(path: Path) -> Verification:
    """Read and validate one outcome.

    Raises:
        UserError: the file is none.
    """
    try:
        return read_part(path, Verification)
    except UserError as error:
        raise UserError(f"{path} is no outcome of `beyond verify` ({error}); delete it and verify again.") from None


def verdicts(folder: Path, current: Container[str]) -> dict[str, str]:
    """Verdict by the digest of the record that it is about.

    Args:
        folder: of outcomes.
        current: digests of the records as they are; outcomes about others say nothing.
    """
    found = _outcomes(folder, current)
    faults = _faults(found)
    return {v.digest: "failed" if faults[row_of(v.identity)] else v.verdict for v in found}


def rows_too_high(folder: Path, current: Container[str]) -> dict[Identity, str]:
    """Of each row whose records are too high by all outcomes together, a sentence that says how much."""
    return {row: fault for row, fault in _faults(_outcomes(folder, current)).items() if fault}


def row_of(cell: Identity) -> Identity:
    """The row that a cell belongs to: its identity, whatever the seed."""
    return cell.model_copy(update={"seed": 0})


def _outcomes(folder: Path, current: Container[str]) -> list[Verification]:
    found = [read_verification(path) for path in sorted(folder.glob("*/*/*.json"))]
    return [outcome for outcome in found if outcome.digest in current]


def _faults(found: Sequence[Verification]) -> dict[Identity, str]:
    rows: dict[Identity, list[Verification]] = {}
    for outcome in found:
        rows.setdefault(row_of(outcome.identity), []).append(outcome)
    return {row: too_high_together(cells) for row, cells in rows.items()}


def too_high_together(row: Sequence[Verification]) -> str:
    """Whether a row's cells were recorded too high, taken together, in a sentence; empty if they were not."""
    pairs = [(v.committed_top1, v.again_top1, min(v.tolerance, CEILING)) for v in row]
    known = [(old - new, tolerance) for old, new, tolerance in pairs if old is not None and new is not None]
    excess, allowed = sum(d for d, _ in known), sum(t**2 for _, t in known) ** 0.5
    if excess <= allowed + 1e-9:
        return ""
    return (
        f"its {len(known)} cells trained again were recorded {excess / len(known):.2f} points too high on average, "
        f"and chance explains {allowed / len(known):.2f}."
    )


def joint_verdict(verdicts: set[str]) -> str:
    """The verdict on several cells: one failure is a failure, one success makes the row verified."""
    return next((v for v in ("failed", "verified") if v in verdicts), SELF_REPORTED)
