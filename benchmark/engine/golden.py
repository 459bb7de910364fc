"""Golden trajectories: a few training steps of every method, to notice when a number changes.

Results cost hours and GPU-days, so they go stale only when ``PROTOCOL`` is raised; and a test fails when a
trajectory moves and ``PROTOCOL`` was not. A method whose own file changed is no such case: its stages are stale by
themselves. ``beyond register`` writes what is new, ``python -m benchmark.engine.golden`` everything.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.pictures.data import Batch, data_root, load_splits
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.pictures.stream import loader_of
from benchmark.engine.training.build import build_method, first_taken
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import UserError
from benchmark.schema.plugins import METHODS, file_sha256, line_of_plugin, plugin_ids
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import PROTOCOL, Backbone, Suite
from benchmark.schema.text import said

FILE = Path(__file__).with_name("golden.json")
STEPS = 4
TOLERANCE = 1e-7  # relative; float64 on another processor differs in the last digits only
RESNET = Backbone(name="cifar_resnet8")
TOKENS = {"img_size": 8, "patch_size": 4, "embed_dim": 32, "depth": 4, "num_heads": 2, "global_pool": "avg"}
VIT = Backbone(name="vit_tiny_patch16_224", kwargs=TOKENS)
PERCEPTRON = Backbone(name="local_loss_mlp", kwargs={"layers": 3, "width": 64, "dropout": 0.0, "norm": False})
SUITE = Suite(
    title="golden trajectories",
    dataset="digits",
    backbones=[RESNET, VIT, PERCEPTRON],  # the first that a method does not refuse
    modules=[3],
    recipe=Recipe(epochs=1, batch=32, lr=0.05, weight_decay=5e-4),
    seeds={"shared": 1},
    validation=0.1,
)


def trajectories(names: Iterable[str]) -> dict[str, list[float]]:
    """For each method and variant: the losses of a few float64 steps at K = 3, then the norm of all weights.

    Raises:
        UserError: a method does not train.
    """
    found = {}
    for name in names:
        method_class = load_method(name)
        for variant, options in (method_class.variants or {"": {}}).items():
            try:
                found[f"{name}/{variant}".rstrip("/")] = _trajectory(method_class, options)
            except Exception as error:  # of a file that `beyond check` has more to say of
                reason = ", ".join(filter(None, [said(error), line_of_plugin(error)]))
                raise UserError(f"methods/{name}.py does not train ({reason}); try `beyond check`.") from None
    return found


def _trajectory(method_class: type[Method], options: Mapping[str, Any]) -> list[float]:
    return trajectory(build(method_class, options), pictures(method_class.views))


def pictures(views: int, device: str = "cpu") -> Loader:
    """The pictures of the trajectories, in the same batches on every device."""
    dataset = load_dataset(SUITE.dataset)
    splits = load_splits(dataset, data_root(), SUITE.validation)
    return loader_of(splits.train, dataset, SUITE.recipe.batch, device=device, seed=1, train=True, views=views)


def trajectory(
    method: Method,
    loader: Loader,
    dtype: torch.dtype = torch.float64,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
    noise: int = 0,
) -> list[float]:
    """The losses of ``STEPS`` steps of each phase, then the norm of all weights; the method is trained so far.

    Args:
        around: a context around each step.
        noise: seed of what the steps draw.
    """
    for part in (method.modules, method.auxiliaries):
        part.to(dtype)
    numbers: list[float] = []
    torch.manual_seed(noise)
    for phase in method.phases():
        set_phase(method, phase)
        optimizers = build_optimizers(method, SUITE.recipe, phase)
        for _, batch in zip(range(STEPS), loader.epoch(0), strict=False):
            batch = _in(dtype, batch)
            with around():
                losses = train_step(method, batch, optimizers)
            numbers += [loss.item() for loss in losses]
    weights = [*method.modules.parameters(), *method.auxiliaries.parameters()]
    return [*numbers, torch.stack([w.detach().square().sum() for w in weights]).sum().sqrt().item()]


def build(method_class: type[Method], options: Mapping[str, Any]) -> Method:
    """The method on the small network of its trajectory."""
    task = load_dataset(SUITE.dataset).task
    backbone = first_taken(method_class, options, SUITE, task)
    return build_method(method_class, options, SUITE, backbone, task, k=3, seed=0)


def _in(dtype: torch.dtype, batch: Batch) -> Batch:
    view = _in(dtype, batch.view) if batch.view else None
    return Batch(batch.raw, batch.y, batch.task, batch.x.to(dtype), view)


def moved(old: dict[str, list[float]], new: dict[str, list[float]]) -> list[str]:
    """Methods, known to both, whose trajectory is not the same."""
    return [name for name in sorted(old.keys() & new.keys()) if not _close(old[name], new[name])]


def _close(a: list[float], b: list[float]) -> bool:
    return len(a) == len(b) and all(abs(x - y) <= TOLERANCE * max(abs(x), abs(y), 1) for x, y in zip(a, b, strict=True))


def stored() -> dict[str, Any]:
    """The file: ``protocol``, ``files`` (SHA-256 by method) and ``trajectories``."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def files() -> dict[str, str]:
    """SHA-256 of each method's file."""
    return {name: file_sha256(METHODS / f"{name}.py") for name in plugin_ids(METHODS)}


def updated(before: dict[str, Any]) -> str:
    """The file's text with the trajectories of methods whose file is new or changed, without those that are gone."""
    now = files()
    same = {name for name in now if before["files"].get(name) == now[name]}
    kept = {key: numbers for key, numbers in before["trajectories"].items() if key.split("/")[0] in same}
    found = dict(sorted((kept | trajectories(sorted(now.keys() - same))).items()))
    return json.dumps({"protocol": PROTOCOL, "files": now, "trajectories": found}, indent=1) + "\n"


def write() -> None:
    """Write the file anew; refuses to hide a change of the engine's numbers behind an old protocol version."""
    before, now = stored(), files()
    same = [name for name in now if before["files"].get(name) == now[name]]
    changed = moved(before["trajectories"], trajectories(same))
    if changed and before["protocol"] == PROTOCOL:
        sys.exit(f"The numbers of {', '.join(changed)} moved: raise benchmark/engine/PROTOCOL, then write again.")
    FILE.write_text(updated({"files": {}, "trajectories": {}}), encoding="utf-8")


if __name__ == "__main__":
    write()
