"""What is checked, and what is the same on it as on the CPU before anything trains: pictures and weights."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmark import git
from benchmark.engine import golden
from benchmark.engine.load import load_method
from benchmark.engine.training.process import place, prepare_process
from benchmark.errors import UserError
from benchmark.gpu.facts import Row, row
from benchmark.gpu.waits import Waits
from benchmark.running.machine import machine
from benchmark.sandbox.run import protections
from benchmark.schema.fingerprint import package_versions
from benchmark.schema.suite import TWIN


def check_machine(report: Callable[[Any], None], device: str) -> list[Row]:
    """The machine, one row.

    Raises:
        UserError: there is no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("There is no GPU that torch can use here; `--device cpu` makes the same steps on the CPU.")
    return [row(device, _facts(device))]


def _facts(device: str) -> Iterator[tuple[str, Any]]:
    prepare_process(device)
    yield "gpus", torch.cuda.device_count() if device == "cuda" else 0
    yield from machine(device).items()
    yield "cudnn", torch.backends.cudnn.version() if device == "cuda" else None
    yield "versions", package_versions()
    yield "git_commit", git.commit()
    yield "git_dirty", git.dirty()
    yield "protections", [each.name for each in protections() if each.available]
    here, there = (next(golden.pictures(2, where).epoch(0)) for where in ("cpu", device))
    same = torch.equal(here.raw, there.raw.cpu()) and torch.equal(here.y, there.y.cpu())
    yield "same_pictures", same
    if not same:
        yield "fault", "the pictures of a batch are others than on the CPU."
    waits, batches = Waits(device), golden.pictures(1, device).epoch(0)
    next(batches)  # what an epoch needs is copied before its first batch
    with waits():
        next(batches)
    yield "waits", sorted(waits.places)
    if waits.places:
        yield "fault", f"a batch of pictures waits for the device at {', '.join(sorted(waits.places))}."
    yield "normalised_by", (here.x - there.x.cpu()).abs().max().item()
    own, moved = (golden.build(load_method(TWIN), {}) for _ in range(2))
    place(moved, torch.device(device))
    same = all(map(torch.equal, own.modules.parameters(), (each.cpu() for each in moved.modules.parameters())))
    yield "same_weights", same
    if not same:
        yield "fault", "the weights of a new network are others than on the CPU."
