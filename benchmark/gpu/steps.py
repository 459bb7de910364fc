"""The golden trajectory of a method on the device and on the CPU: the same losses, twice, and no step that waits."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from benchmark.engine import golden
from benchmark.engine.load import load_method
from benchmark.engine.measuring.state import places, same
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import place, prepare_process
from benchmark.gpu.draws import DrawnOnTheCpu
from benchmark.gpu.facts import Row, row
from benchmark.gpu.waits import Waits

LARGEST = {torch.float64: golden.TOLERANCE, torch.float32: 1e-3}  # relative; rounding grows over the steps


def check_steps(report: Callable[[Any], None], method: str, device: str) -> list[Row]:
    """A row for each variant of a method."""
    prepare_process(device)
    kind = load_method(method)
    variants = kind.variants or {"": {}}
    return [row(f"{method} {name}".rstrip(), _facts(kind, options, device)) for name, options in variants.items()]


def _facts(kind: type[Method], options: Mapping[str, Any], device: str) -> Iterator[tuple[str, Any]]:
    if not golden.build(kind, options).phases():
        yield "note", "trains nothing"
        return
    for dtype, largest in LARGEST.items():
        _, expected = _trained(kind, options, "cpu", dtype)
        _, found = _trained(kind, options, device, dtype, DrawnOnTheCpu)
        difference = _difference(expected, found)
        yield str(dtype).removeprefix("torch."), difference
        if not difference <= largest:
            yield "fault", f"losses in {dtype} differ from those on the CPU by {difference:.1e} ({largest:g} allowed)."
    waits = Waits(device)
    first, numbers = _trained(kind, options, device, torch.float32, waits)
    yield "waits", sorted(waits.places)
    if waits.places:
        yield "fault", f"a step waits for the device at {', '.join(sorted(waits.places))}."
    yield "unrepeatable", sorted(waits.unrepeatable)
    again, numbers_again = _trained(kind, options, device, torch.float32)
    held, held_again = places(first), places(again)
    yield "repeats", numbers == numbers_again and all(same(held[at], held_again[at]) for at in held)
    yield "repeats_by", _difference(numbers, numbers_again)
    yield "draws", _trained(kind, options, device, torch.float32, noise=1)[1] != numbers


def _trained(
    kind: type[Method],
    options: Mapping[str, Any],
    device: str,
    dtype: torch.dtype,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
    noise: int = 0,
) -> tuple[Method, list[float]]:
    """The method after its trajectory, and that."""
    method = place(golden.build(kind, options), torch.device(device))
    return method, golden.trajectory(method, golden.pictures(kind.views, device), dtype, around, noise)


def _difference(expected: list[float], found: list[float]) -> float:
    """The largest, relative to numbers above 1; infinite where there are more, or where one is none."""
    if len(expected) != len(found):
        return float("inf")
    differences = [abs(a - b) / max(abs(a), abs(b), 1) for a, b in zip(expected, found, strict=True)]
    return max(each if each == each else float("inf") for each in differences)
