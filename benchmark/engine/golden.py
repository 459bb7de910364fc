"""Golden trajectories: a few training steps of every method, to notice when a number changes.

Results cost hours and GPU-days, so they go stale only when ``PROTOCOL`` is raised; and a test fails when a
trajectory moves and ``PROTOCOL`` was not. ``python -m benchmark.engine.golden`` writes the file anew.
"""

import json
import sys
from pathlib import Path

import torch

from benchmark.engine.build import build_method
from benchmark.engine.cell import load_dataset, load_method
from benchmark.engine.data import Batch, Loader, data_root, load_splits
from benchmark.engine.method import Method
from benchmark.engine.recipe import Recipe
from benchmark.engine.train import build_optimizers, set_phase, train_step
from benchmark.plugins import METHODS, plugin_ids
from benchmark.suite import PROTOCOL, Backbone, Suite

FILE = Path(__file__).with_name("golden.json")
STEPS = 4
TOLERANCE = 1e-7  # relative; float64 on another processor differs in the last digits only
SUITE = Suite(
    title="golden trajectories",
    dataset="digits",
    backbones=[Backbone(name="cifar_resnet8")],
    modules=[3],
    recipe=Recipe(epochs=1, batch=32, lr=0.05, weight_decay=5e-4),
    seeds=1,
    validation=0.1,
)


def trajectories() -> dict[str, list[float]]:
    """For each method and variant: the losses of a few float64 steps at K = 3, then the norm of all weights."""
    found = {}
    for name in plugin_ids(METHODS):
        method_class = load_method(name)
        for variant, options in (method_class.variants or {"": {}}).items():
            found[f"{name}/{variant}".rstrip("/")] = _trajectory(method_class, options)
    return found


def _trajectory(method_class: type[Method], options: object) -> list[float]:
    dataset = load_dataset(SUITE.dataset)
    splits = load_splits(dataset, data_root(), SUITE.validation)
    loader = Loader(splits.train, dataset, SUITE.recipe.batch, seed=1, train=True, views=method_class.views)
    method = build_method(method_class, options, SUITE, SUITE.backbones[0], dataset.task, k=3, seed=0)  # type: ignore[arg-type]
    method.modules.double()
    method.auxiliaries.double()
    numbers: list[float] = []
    torch.manual_seed(0)
    for phase in method.phases():
        set_phase(method, phase)
        optimizers = build_optimizers(method, SUITE.recipe, phase)
        for _, batch in zip(range(STEPS), loader.epoch(0), strict=False):
            numbers += [loss.item() for loss in train_step(method, _double(batch), optimizers)]
    weights = [*method.modules.parameters(), *method.auxiliaries.parameters()]
    return [*numbers, torch.stack([w.detach().square().sum() for w in weights]).sum().sqrt().item()]


def _double(batch: Batch) -> Batch:
    view = _double(batch.view) if batch.view else None
    return Batch(batch.raw, batch.y, batch.task, batch.x.double(), view)


def moved(old: dict[str, list[float]], new: dict[str, list[float]]) -> list[str]:
    """Methods, known to both, whose trajectory is not the same."""
    return [name for name in sorted(old.keys() & new.keys()) if not _close(old[name], new[name])]


def _close(a: list[float], b: list[float]) -> bool:
    return len(a) == len(b) and all(abs(x - y) <= TOLERANCE * max(abs(x), abs(y), 1) for x, y in zip(a, b, strict=True))


def write() -> None:
    """Write the file anew; refuses to hide a change of numbers behind an old protocol version."""
    new = trajectories()
    if FILE.exists():
        stored = json.loads(FILE.read_text())
        changed = moved(stored["trajectories"], new)
        if changed and stored["protocol"] == PROTOCOL:
            sys.exit(f"The numbers of {', '.join(changed)} moved: raise benchmark/engine/PROTOCOL, then write again.")
    FILE.write_text(json.dumps({"protocol": PROTOCOL, "trajectories": new}, indent=1) + "\n")


if __name__ == "__main__":
    write()
