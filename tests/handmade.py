"""A small network made by hand and a fixed batch, for tests of one method's arithmetic."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from benchmark.engine.cutting.partition import Features
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.schema.plugins import load_class
from benchmark.schema.recipe import Recipe

METHODS = Path(__file__).parent.parent / "methods"
TASK = Task(classes=4, image_size=8, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3)
RECIPE = Recipe(epochs=1, batch=64, lr=0.05, momentum=0.9, weight_decay=1e-4, warmup_epochs=0)


def network(k: int = 3) -> SimpleNamespace:
    """A small convolutional net in ``k`` modules, with BatchNorm and dropout, built by hand."""
    torch.manual_seed(0)
    widths = [3, *(8,) * (k - 1)]
    modules = [
        nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.Dropout2d(0.05))
        for a, b in pairwise(widths)
    ]
    modules.append(nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * widths[-1], 4)))
    outputs = (*(Features(f"m{i}", (8, 8, 8), "NCHW") for i in range(k - 1)), Features("out", (4,), "NC"))
    return SimpleNamespace(modules=nn.ModuleList(modules), outputs=outputs, unit_outputs=tuple((o,) for o in outputs))


def pictures(count: int = 64) -> Batch:
    """Fixed pictures of four classes, told apart by a faint mean colour."""
    draw = torch.Generator().manual_seed(1)
    y = torch.arange(count) % 4
    colours = torch.randint(0, 120, (4, 3, 1, 1), generator=draw)
    raw = (torch.randint(0, 136, (count, 3, 8, 8), generator=draw) + colours[y]).to(torch.uint8)
    x = (raw.float() / 255 - 0.5) / 0.25
    return Batch(raw, y, TASK, x.contiguous(memory_format=torch.channels_last))


def build(name: str, options: dict | None = None, k: int = 3) -> Method:
    method = load_class(METHODS / f"{name}.py", Method)(network(k), TASK, options)
    method.modules.train()
    return method


def run(method: Method, steps: int, batch: Batch) -> list[list[float]]:
    """Losses of ``steps`` steps of every phase; one row a step."""
    rows = []
    for phase in method.phases():
        set_phase(method, phase)
        optimizers = build_optimizers(method, RECIPE, phase)
        rows += [[float(v) for v in train_step(method, batch, optimizers)] for _ in range(steps)]
    return rows
