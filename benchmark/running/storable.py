"""Make a record that can be written and read again, whatever a method's file has put into it."""

import math
from collections.abc import Mapping
from typing import Any

from benchmark.schema.record import Identity, Record, Status
from benchmark.schema.text import printable, said

DEEPEST = 20  # levels of an option
LARGEST = 2**63  # integers beyond it are not read back everywhere


def storable(identity: Identity, status: Status, error: str | None, facts: Mapping[str, Any]) -> Record:
    """The record; where its facts, a fingerprint among them, cannot be stored, one that failed and says why."""
    try:
        record = Record(identity=identity, status=status, error=error, **facts)
        if Record.model_validate_json(record.sealed().model_dump_json()).genuine:
            return record
        why = "what it says of itself does not read back as it was written"
    except Exception as reason:
        why = " ".join(said(reason).split())
    error = printable(f"Its record cannot be stored: {why}." + (f" Before that: {error}" if error else ""))
    return Record(identity=identity, status="failed", error=error, fingerprint=facts["fingerprint"])


def plain(value: object, depth: int = 0) -> Any:
    """The value as JSON has it; what JSON has not (a tensor, a class) as a bounded text of it."""
    match value:
        case None | bool():
            return value
        case str():
            return value if type(value) is str and printable(value) == value else printable(_text(value))
        case int() if abs(value) < LARGEST:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case Mapping() if depth < DEEPEST:
            return {printable(_text(key)): plain(one, depth + 1) for key, one in value.items()}
        case list() | tuple() if depth < DEEPEST:
            return [plain(one, depth + 1) for one in value]
    single = _single(value)
    return printable(_text(value)) if single is None else plain(single, DEEPEST)


def _single(value: object) -> object:
    """The number in a numpy scalar, or in a tensor of one element; none of anything else."""
    try:
        item = value.item()  # type: ignore[attr-defined]
    except Exception:
        return None
    return item if type(item) in (bool, int, float, str) and type(item) is not type(value) else None


def _text(value: object) -> str:
    try:
        return str(value)
    except BaseException as worse:
        return f"{type(value).__name__} ({type(worse).__name__} when asked for its text)"
