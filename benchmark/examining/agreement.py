"""Whether two blocks of one examination say the same."""

from collections.abc import Iterator
from typing import Any

NEAR = 1e-3  # relative: rounding moves a solved system by less, another network by more


def differences(before: object, again: object) -> str:
    """Where two blocks, as JSON has them, differ most, in words; empty where they agree.

    Networks that are kept give the same numbers, and so do those that are trained again on the same processor with the
    same packages; elsewhere they are other networks, and what this says of them is by how much they differ.
    """
    found = [(gap, place, pair) for place, *pair in _leaves(before, again, "") if (gap := _gap(*pair)) > NEAR]
    if not found:
        return ""
    gap, place, (was, now) = max(found, key=lambda one: one[0])
    return f"{len(found)} numbers differ, most {place}: {now} instead of {was}"


def _leaves(before: Any, again: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Every place of the two, and what stands there; a place whose shapes differ is one leaf."""
    if isinstance(before, dict) and isinstance(again, dict) and before.keys() == again.keys():
        for key in before:
            yield from _leaves(before[key], again[key], f"{place}.{key}".strip("."))
    elif isinstance(before, list) and isinstance(again, list) and len(before) == len(again):
        for i, pair in enumerate(zip(before, again, strict=True)):
            yield from _leaves(*pair, f"{place}[{i}]")
    else:
        yield place, before, again


def _gap(before: Any, again: Any) -> float:
    """Relative difference of two numbers; of other things 0 or infinity."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (before, again))
    if not numbers:
        return 0.0 if before == again else float("inf")
    return abs(before - again) / max(abs(before), abs(again), 1e-6)
