"""The trained weights of a cell as a file that timm loads: the backbone's own names, nothing of the method in it."""

import os
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.pictures.data import Batch, Loader
from benchmark.engine.training.build import build_partition
from benchmark.engine.training.evaluate import evaluating
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import own_randomness
from benchmark.schema.suite import Cell, Suite

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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: t.cpu().contiguous().clone() for name, t in state.items()}, temporary, facts)
        os.replace(temporary, path)
    except Exception as error:  # of a library in another language: a full disk has no class of its own
        return f"its weights cannot be written to {path} ({type(error).__name__}: {error})"
    finally:
        temporary.unlink(missing_ok=True)
    return f"its weights are in {path}"


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
    with evaluating([model, method.modules, method.auxiliaries]):
        return torch.allclose(model(batch.x), method.predict(batch.x), rtol=1e-4, atol=1e-5)
