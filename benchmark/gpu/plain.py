"""End-to-end backpropagation by the engine beside the loop that anybody writes with torch: pictures a second.

The plain loop has channels last, Nesterov's momentum and the same precision, and no deterministic kernels.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F

from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.process import free_memory, place, prepare_process
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.gpu.facts import Row, row, taken
from benchmark.gpu.pace import PRECISIONS, ROUNDS, WARM, seconds_a_step
from benchmark.gpu.problem import PLAIN, Problem
from benchmark.schema.recipe import Precision
from benchmark.schema.suite import TWIN

Step = Callable[[], object]
STEPS = {"cuda": 4, "cpu": 1}  # in a round: the networks are large


def check_plain(report: Callable[[Any], None], index: int, device: str) -> list[Row]:
    """One network, a row for each precision."""
    problem = PLAIN[device][index]
    return [row(f"{problem.name}, {each}", _facts(problem, each, device)) for each in PRECISIONS[device]]


def _facts(problem: Problem, precision: Precision, device: str) -> Iterator[tuple[str, Any]]:
    prepare_process(device, precision)
    with taken():
        batch = problem.pictures(device)
        plain, engine = _plain(problem, batch, precision, device), _engine(problem, batch, precision, device)
        for _ in range(WARM):
            plain(), engine()
        pairs = [tuple(seconds_a_step(step, STEPS[device], device) for step in (plain, engine)) for _ in range(ROUNDS)]
        del plain, engine, batch
        free_memory()
    yield "plain", problem.batch / median(a for a, _ in pairs)
    yield "engine", problem.batch / median(b for _, b in pairs)
    yield "ratio", median(b / a for a, b in pairs)


def _engine(problem: Problem, batch: Batch, precision: Precision, device: str) -> Step:
    method = place(problem.builder(TWIN)(), torch.device(device))
    (phase,) = method.phases()
    set_phase(method, phase)
    optimizers = build_optimizers(method, problem.recipe(precision), phase)
    return lambda: train_step(method, batch, optimizers)


def _plain(problem: Problem, batch: Batch, precision: Precision, device: str) -> Step:
    task, recipe = problem.task, problem.recipe(precision)
    model = create_backbone(problem.backbone, task.classes, task.channels, task.image_size, "native")
    model = model.to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(
        model.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
    )
    narrow = precision == "bf16"

    def step() -> None:
        with _any_kernels():
            computing: AbstractContextManager = torch.autocast(device, torch.bfloat16) if narrow else nullcontext()
            with computing:
                loss = F.cross_entropy(model(batch.x), batch.y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return step


@contextmanager
def _any_kernels() -> Iterator[None]:
    """As torch is by itself: kernels that cannot repeat themselves, too."""
    asked = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(asked, warn_only=True)
