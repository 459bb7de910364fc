"""The trained weights of a cell as a file that timm loads: the backbone's own names, nothing of the method in it."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.pictures.data import Batch
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.training.build import build_partition
from benchmark.engine.training.evaluate import same_logits
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import own_randomness
from benchmark.schema.suite import Cell, Suite
from benchmark.schema.text import write_bytes

SHOWN = 16  # pictures whose logits are compared


def keep_weights(method: Method, loader: Loader, cell: Cell, suite: Suite, path: Path) -> str:
    """Write the weights, if the plain backbone says with them what the method says.

    Returns:
        A sentence on where they are, or on why there are none: a method may predict with more than the backbone.
    """
    state = named(method, cell, suite)
    with own_randomness():
        model = _backbone(method, cell, suite)
    (batch,) = loader.show([torch.arange(min(SHOWN, len(loader.labels)))])
    if not _says_the_same(model, state, method, batch):
        return "its weights are not kept, as it predicts with more than the backbone or with other parts"
    facts = {"backbone": suite.backbone(cell.backbone).model_dump_json(), "cell": cell.model_dump_json()}
    try:
        write_bytes([safetensors(state, facts)], path)
    except OSError as error:
        return f"its weights cannot be written to {path} ({error.strerror or error})"
    return f"its weights are in {path}"


def safetensors(state: Mapping[str, Tensor], facts: dict[str, str]) -> bytes:
    """A file of tensors, copies on the CPU: the format takes neither shared storage nor other layouts."""
    plain = {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in state.items()}
    return save(plain, {"format": "pt"} | facts)


def named(method: Method, cell: Cell, suite: Suite) -> dict[str, Tensor]:
    """Weights and buffers of the method's modules under the names that they have in the uncut backbone."""
    with torch.device("meta"):
        backbone = suite.backbone(cell.backbone)
        aliases = build_partition(backbone, method.task, cell.modules, suite.balance, cell.seed).aliases
    units = [unit for module in method.modules for unit in module.children()]
    state = {name: tensor for unit in units for name, tensor in unit.state_dict().items()}
    return state | {alias: state[name] for alias, name in aliases.items() if name in state}


def _backbone(method: Method, cell: Cell, suite: Suite) -> nn.Module:
    of, task = suite.backbone(cell.backbone), method.task
    return create_backbone(of.name, task.classes, task.channels, task.image_size, of.stem, **of.kwargs)


def _says_the_same(model: nn.Module, state: dict[str, Tensor], method: Method, batch: Batch) -> bool:
    """Whether the plain backbone has these weights, all of them, and makes the same logits of them."""
    try:
        model.to(batch.x.device).load_state_dict(state)
    except RuntimeError:
        return False
    return same_logits(model, method, batch.x)
