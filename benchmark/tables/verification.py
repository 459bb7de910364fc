"""What ``beyond verify`` found about a record: one JSON a verified cell, in ``results/verified/``.

An outcome names the digest of the record that it is about, so of a record that is trained again it says nothing any
more, but that there was one.

Cells may differ by a tolerance each. If several of a row do, all in the claimant's favour, that is no accident: the
sum of their differences may reach what independent ones would, the root of the sum of their squared tolerances.
"""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Literal

from benchmark.errors import UserError
from benchmark.schema.record import Identity, Part, Record, added, cure, read_part
from benchmark.tables.people import Person, somebody_else
from benchmark.tables.trust import AUTHORS, ELSEWHERE, FAILED, NEVER, OLDER, OTHERS

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
    device: str  # model of the GPU or of the processor on which it was trained again
    started_utc: str
    by: Person | None = added()  # who ran it, as git knows him; null: git does not, or the outcome is of before
    records_by: list[Person] | None = added()  # authors of the commit that brought the record; null: git does not say


class Standing(Part):
    """What a record's outcome says of it, in the words of :mod:`benchmark.tables.trust`."""

    verification: str
    rerun_by: str | None = None  # name
    rerun_on: str | None = None  # model of the GPU or of the processor


def read_verification(path: Path) -> Verification:
    """Read and validate one outcome.

    Raises:
        UserError: the file is none.
    """
    try:
        return read_part(path, Verification)
    except UserError as error:
        raise UserError(f"{path} is no outcome of `beyond verify` ({error}); {cure(error, 'verify again')}.") from None


def standings(folder: Path, records: Sequence[Record]) -> list[Standing]:
    """How each of the records stands; an edited one is not the one that an outcome is about.

    Args:
        folder: of outcomes.
        records: as they are now.
    """
    outcomes = _outcomes(folder)
    about, tried = {o.digest: o for o in outcomes}, {o.identity.path for o in outcomes}
    current = [about[r.digest] if r.digest in about and r.genuine else None for r in records]
    faults = _faults([outcome for outcome in current if outcome])
    return [
        _standing(outcome, record, failed=outcome.verdict == "failed" or bool(faults[row_of(outcome.identity)]))
        if outcome
        else Standing(verification=OLDER if record.identity.path in tried else NEVER)
        for record, outcome in zip(records, current, strict=True)
    ]


def _standing(outcome: Verification, record: Record, failed: bool) -> Standing:
    agreed = OTHERS if somebody_else(outcome.by, outcome.records_by or []) else AUTHORS
    first = record.provenance.device if record.provenance else ""
    if agreed == AUTHORS and "" not in (first, outcome.device) and first != outcome.device:
        agreed = ELSEWHERE
    by = outcome.by.name if outcome.by else None
    return Standing(verification=FAILED if failed else agreed, rerun_by=by, rerun_on=outcome.device or None)


def rows_too_high(folder: Path, current: Container[str]) -> dict[Identity, str]:
    """Of each row whose records are too high by all outcomes together, a sentence that says how much.

    Args:
        current: digests of the records as they are; outcomes about others say nothing.
    """
    found = [outcome for outcome in _outcomes(folder) if outcome.digest in current]
    return {row: fault for row, fault in _faults(found).items() if fault}


def row_of(cell: Identity) -> Identity:
    """The row that a cell belongs to: its identity, whatever the seed."""
    return cell.model_copy(update={"seed": 0})


def _outcomes(folder: Path) -> list[Verification]:
    return [read_verification(path) for path in sorted(folder.glob("*/*/*.json"))]


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
