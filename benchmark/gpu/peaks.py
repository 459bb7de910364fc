"""Trainings whose memory papers print, for two steps each: what the allocator holds beside what is simulated."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmark.engine.measuring.cost import simulate
from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.training.process import place, prepare_process
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.gpu.facts import Row, row, taken
from benchmark.planning.footprint import GB
from benchmark.planning.published import SETTINGS, Setting, published_memory
from benchmark.planning.random_batch import random_batch

STEPS = 2  # one that makes the optimisers' state, one that has it


def check_peak(report: Callable[[Any], None], index: int, device: str) -> list[Row]:
    """One of the settings of `beyond plan --published`; on a GPU alone."""
    setting = SETTINGS[index]
    name = f"{setting.method} {setting.backbone} K={setting.modules}, batch {setting.batch}"
    return [row(name, _facts(setting, device))]


def _facts(setting: Setting, device: str) -> Iterator[tuple[str, Any]]:
    prepare_process(device)
    yield "published_gb", published_memory()[setting.published]
    simulated = simulate(setting.build, setting.recipe, setting.task, setting.batch).peak_bytes / GB
    yield "simulated_gb", simulated
    method = setting.build()
    with taken():
        peak = CudaPeak(torch.device(device))
        place(method, torch.device(device))
        batch = random_batch(setting.task, setting.batch, device, method.views)
        (phase,) = method.phases()
        set_phase(method, phase)
        optimizers = build_optimizers(method, setting.recipe, phase)
        with peak.measured():
            for _ in range(STEPS):
                train_step(method, batch, optimizers)
        reserved = torch.cuda.max_memory_reserved() / GB
    assert peak.bytes is not None
    yield "allocated_gb", peak.bytes / GB
    yield "gap_gb", peak.bytes / GB - simulated
    yield "gap_percent", 100 * (peak.bytes / GB / simulated - 1)
    yield "reserved_gb", reserved
