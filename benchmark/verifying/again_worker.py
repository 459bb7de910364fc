"""The confined side of ``again``: train the cell, then rank the classes of test pictures without labels."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark.engine.load import load_dataset
from benchmark.engine.pictures.data import Loader, Pictures, Splits
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import ranked_classes
from benchmark.running.cell import EVALUATION_BATCH, run_cell
from benchmark.schema.suite import Cell, Suite
from benchmark.verifying.again import ANSWERS, EXAM, JOB, MOST, PICTURES

PATIENCE = 120.0  # seconds for the test pictures to come


def main(send: Callable[[dict[str, Any]], None], arguments: list[str]) -> None:
    """Train the cell that lies in the current folder; sends progress, and at last the record."""
    job = json.loads(JOB.read_text(encoding="utf-8"))
    cell, suite = Cell.model_validate(job["cell"]), Suite.model_validate(job["suite"])

    def sit_exam(method: Method) -> tuple[float, float]:
        send({"trained": True})
        images = _exam()
        unlabelled = Pictures(images, torch.zeros(len(images), dtype=torch.int64))
        loader = Loader(unlabelled, load_dataset(suite.dataset), EVALUATION_BATCH, device=suite.device, train=False)
        np.save(ANSWERS, ranked_classes(method, loader, MOST).numpy())
        return 0.0, 0.0  # who knows the labels fills it in

    splits = _splits(job)
    record = run_cell(lambda done: send({"progress": done}), cell, suite, "", splits, sit_exam)
    send({"record": record.model_dump(mode="json")})


def _splits(job: dict[str, Any]) -> Splits:
    """The pictures that were packed; the test split is empty."""
    parts = {name: Pictures(*part) for name, part in torch.load(PICTURES, weights_only=True).items()}
    nothing = parts["validation"].at(torch.arange(0))
    return Splits(**parts, test=nothing, source=job["source"], fingerprint=job["fingerprint"])


def _exam() -> torch.Tensor:
    """The test pictures, once they have come."""
    waited_until = time.monotonic() + PATIENCE
    while not Path(EXAM).exists() and time.monotonic() < waited_until:
        time.sleep(0.02)
    images: torch.Tensor = torch.load(EXAM, weights_only=True)
    return images
