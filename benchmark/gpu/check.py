"""``beyond gpu-check``: part after part, a process for each row, and whatever is known is on disk as soon as it is.

This process never imports torch; what breaks the GPU's context, or hangs, is one row that says so.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.gpu.parts import Device, parts
from benchmark.gpu.report import Report, Row
from benchmark.running.cores import cores
from benchmark.running.launch import GRACE, Crash, run_jobs
from benchmark.running.methods import all_methods
from benchmark.running.slots import slots
from benchmark.schema.plugins import METHODS, broken_methods, plugin_path


def gpu_check(methods: Sequence[str], device: Device, seconds: float, save: Path, say: Callable[[str], None]) -> Report:
    """Make the check, and write it to ``save`` (JSON, and Markdown beside it) after every row.

    Args:
        seconds: from now, within which all ends; what was not reached then is said to be so.
        say: hears a line for each row.

    Raises:
        UserError: there is no such device, or the file cannot be written.
    """
    deadline = time.monotonic() + seconds - GRACE
    report = Report(device, list(parts(methods, device)))
    report.write(save)
    for part in report.parts:
        places: list[str | None] = [*slots(int(device == "cuda"), min(cores(), part.at_once))]
        for key, outcome in run_jobs(part.jobs, places, seconds=max(0.0, deadline - time.monotonic())):
            if part.name == "machine" and isinstance(outcome, UserError):
                raise outcome
            rows = _rows(key, outcome)
            report.add(part, key, rows)
            report.write(save)
            for row in rows:
                say(report.line(part, row))
    return report


def check_asked(methods: Sequence[str], device: str, save: Path) -> tuple[list[str], Device]:
    """The methods of these names, or all of them, and the device.

    Raises:
        UserError: there is no such method or device, or the file has no name of a JSON file.
    """
    if device not in ("cuda", "cpu"):
        raise UserError(f"There is no device {device!r}; choose cuda or cpu.")
    if save.suffix != ".json":
        raise UserError(f"{save} is no name of a report; give one that ends in .json.")
    found = [plugin_path(METHODS, name).stem for name in methods] or all_methods(broken_methods())
    return found, device  # type: ignore[return-value]


def _rows(key: str, outcome: Any) -> list[Row]:
    if isinstance(outcome, Crash | UserError):
        return [{"name": key, "faults": [str(outcome)]}]
    found: list[Row] = outcome
    return found
