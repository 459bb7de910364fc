"""The confined side of ``again``: train the cell and hand over its weights, or predict from weights in another process.

Neither side of an exam knows labels, or where its pictures stand in the data set.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark.engine.load import dataset_of, load_method
from benchmark.engine.measuring.company import blank_thrown_away
from benchmark.engine.pictures.data import Splits
from benchmark.engine.training.evaluate import logits
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import prepare_process
from benchmark.running import loaders
from benchmark.running.cell import builder, run_cell
from benchmark.schema.suite import Cell, Suite
from benchmark.verifying.again import ANSWERS, EXAM, JOB, PICTURES, SECOND, WEIGHTS
from benchmark.verifying.handing import exam_loader, taken

PATIENCE = 120.0  # seconds for the test pictures to come


def main(send: Callable[[dict[str, Any]], None], arguments: list[str]) -> None:
    """Train the cell that lies in the current folder, and sit its exam; or sit the second one with its weights."""
    loaders.READERS = 0  # no process may be started here, and so none that reads
    job = json.loads(JOB.read_text(encoding="utf-8"))
    cell, suite = Cell.model_validate(job["cell"]), Suite.model_validate(job["suite"])
    if arguments == [SECOND]:
        _sit_second_exam(cell, suite)
        return

    def judge(method: Method, copy: Method) -> tuple[float, float]:
        torch.save([method.modules.state_dict(), method.auxiliaries.state_dict()], WEIGHTS)
        send({"trained": True})
        _sit_exam(method, suite)
        return 0.0, 0.0  # who knows the labels fills it in

    record = run_cell(lambda done: send({"progress": done}), cell, suite, "", _splits(job), judge)
    send({"record": record.model_dump(mode="json")})


def _sit_exam(method: Method, suite: Suite) -> None:
    """Leave the logits of the exam's pictures, shown in the batches that it asks for."""
    exam = _exam()
    loader = exam_loader(exam, dataset_of(suite), suite.device)
    np.save(ANSWERS, logits(method, loader, torch.arange(len(loader.labels)).split(exam["sizes"])).numpy())


def _sit_second_exam(cell: Cell, suite: Suite) -> None:
    """The same in a process that knows nothing of the training but the weights."""
    prepare_process(suite.device, suite.recipe.precision)
    method = builder(cell, suite, dataset_of(suite, cell.backbone).task, load_method(cell.method))()
    trained = torch.load(WEIGHTS, weights_only=True, map_location=suite.device)
    method.phase = [method.phase, *method.phases()][-1]  # an untrained network has none
    for part, state in zip((method.modules, method.auxiliaries), trained, strict=True):
        part.to(suite.device).load_state_dict(state)
    blank_thrown_away(method)
    _sit_exam(method, suite)


def _splits(job: dict[str, Any]) -> Splits:
    """The pictures that were packed; the test split is empty."""
    parts = {name: taken(part) for name, part in torch.load(PICTURES, weights_only=True).items()}
    nothing = parts["validation"].at(torch.arange(0))
    return Splits(**parts, test=nothing, source=job["source"], fingerprint=job["fingerprint"])


def _exam() -> dict[str, Any]:
    """The test pictures and how many to show at once, when they have come."""
    waited_until = time.monotonic() + PATIENCE
    while not Path(EXAM).exists() and time.monotonic() < waited_until:
        time.sleep(0.02)
    exam: dict[str, Any] = torch.load(EXAM, weights_only=True)
    return exam
