"""What ``beyond verify`` found about a record: one JSON a verified cell, in ``results/verified/``.

An outcome names the digest of the record that it is about, so a record that is trained again is self-reported
again, and its old outcome says nothing any more.
"""

from pathlib import Path
from typing import Literal

from benchmark.errors import UserError
from benchmark.schema.record import Identity, Part

SELF_REPORTED = "self-reported"
Verdict = Literal["verified", "failed"]


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
        return Verification.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is no outcome of `beyond verify` ({reason}); delete it and verify again.") from None


def verdicts(folder: Path) -> dict[str, str]:
    """Verdict by the digest of the record that it is about."""
    found = [read_verification(path) for path in sorted(folder.glob("*/*/*.json"))]
    return {v.digest: v.verdict for v in found}


def joint_verdict(verdicts: set[str]) -> str:
    """The verdict on several cells: one failure is a failure, one success makes the row verified."""
    return next((v for v in ("failed", "verified") if v in verdicts), SELF_REPORTED)
