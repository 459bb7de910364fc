"""Beyond Backprop: every way to train a deep network without end-to-end backpropagation, side by side.

What the file of a method or of a data set imports stands here: ``from benchmark import LocalMethod, Batch, heads``.
Where the engine keeps it is the engine's business. Names are loaded when asked for, so that reading records and
tables does not import torch.
"""

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, which takes time to import: see `entry`
if TYPE_CHECKING:
    from typing import Any

    from benchmark.engine.cutting.partition import Features, Partition
    from benchmark.engine.objectives import feedback, heads, losses, patches, perturbation
    from benchmark.engine.objectives.autocast import in_float32, narrowed, widened
    from benchmark.engine.objectives.endings import before_relu
    from benchmark.engine.objectives.infopro_objective import InfoProObjective, infopro_weights
    from benchmark.engine.pictures.archives import load_cifar, load_halves
    from benchmark.engine.pictures.data import Batch, Dataset, Pictures, Task, as_pictures, stratified_order
    from benchmark.engine.pictures.files import PictureFiles
    from benchmark.engine.pictures.idx import load_idx
    from benchmark.engine.pictures.network import download
    from benchmark.engine.pictures.parts import load_files
    from benchmark.engine.pictures.tree import load_tree
    from benchmark.engine.training.buffers import on_copies_of_buffers
    from benchmark.engine.training.method import READOUT_SHARE, LocalMethod, Method, ModularMethod, Phase
    from benchmark.using.fit import fit

_HOME = {
    "cutting.partition": ("Features", "Partition"),
    "objectives.autocast": ("in_float32", "narrowed", "widened"),
    "objectives.endings": ("before_relu",),
    "objectives.infopro_objective": ("InfoProObjective", "infopro_weights"),
    "pictures.archives": ("load_cifar", "load_halves"),
    "pictures.data": ("Batch", "Dataset", "Pictures", "Task", "as_pictures", "stratified_order"),
    "pictures.files": ("PictureFiles",),
    "pictures.idx": ("load_idx",),
    "pictures.network": ("download",),
    "pictures.parts": ("load_files",),
    "pictures.tree": ("load_tree",),
    "training.buffers": ("on_copies_of_buffers",),
    "training.method": ("READOUT_SHARE", "LocalMethod", "Method", "ModularMethod", "Phase"),
}
_MODULES = ("feedback", "heads", "losses", "patches", "perturbation")

__all__ = [
    "READOUT_SHARE",
    "Batch",
    "Dataset",
    "Features",
    "InfoProObjective",
    "LocalMethod",
    "Method",
    "ModularMethod",
    "Partition",
    "Phase",
    "PictureFiles",
    "Pictures",
    "Task",
    "as_pictures",
    "before_relu",
    "download",
    "feedback",
    "fit",
    "heads",
    "in_float32",
    "infopro_weights",
    "load_cifar",
    "load_files",
    "load_halves",
    "load_idx",
    "load_tree",
    "losses",
    "narrowed",
    "on_copies_of_buffers",
    "patches",
    "perturbation",
    "stratified_order",
    "widened",
]


def __getattr__(name: str) -> "Any":
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"benchmark.engine.{module}"), name)
    if name in _MODULES:
        return import_module(f"benchmark.engine.objectives.{name}")
    if name == "fit":
        return import_module("benchmark.using.fit").fit
    raise AttributeError(f"module 'benchmark' has no attribute {name!r}")
