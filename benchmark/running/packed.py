"""A training's state as plain dictionaries of tensors, numbers and texts, and back."""

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from benchmark.engine.measuring.state import Place, Randomness, State
from benchmark.engine.measuring.world import Moment
from benchmark.engine.pictures.data import Batch, Task
from benchmark.engine.pictures.soft_labels import SoftLabels
from benchmark.engine.training.train import Epoch, Standing

Packed = dict[str, Any]


def pack_state(state: State) -> Packed:
    """Weights, buffers, optimisers and global generators."""
    return {
        "tensors": {tuple(place): tensor for place, tensor in state.tensors.items()},
        "optimizers": dict(state.optimizers),
        "randomness": _pack_randomness(state.randomness),
    }


def unpack_state(packed: Packed) -> State:
    """What :func:`pack_state` was given."""
    tensors = {Place(*place): tensor for place, tensor in packed["tensors"].items()}
    return State(tensors, packed["optimizers"], _unpack_randomness(packed["randomness"]))


def _pack_randomness(found: Randomness) -> Packed:
    name, keys, *rest = found.numpy
    numpy = [name, torch.from_numpy(keys.astype(np.int64)), *rest]
    return {"python": found.python, "numpy": numpy, "cpu": found.cpu, "cuda": found.cuda}


def _unpack_randomness(packed: Packed) -> Randomness:
    name, keys, *rest = packed["numpy"]
    return Randomness(packed["python"], (name, keys.numpy().astype(np.uint32), *rest), packed["cpu"], packed["cuda"])


def pack_moment(moment: Moment) -> Packed:
    """A step before it is made."""
    return {"state": pack_state(moment.state), "batch": _pack_batch(moment.batch)}


def unpack_moment(packed: Packed, task: Task, device: torch.device) -> Moment:
    """The same, its pictures where the training is."""
    return Moment(unpack_state(packed["state"]), _unpack_batch(packed["batch"], task, device))


def _pack_batch(batch: Batch) -> Packed:
    view = _pack_batch(batch.view) if batch.view else None
    y = batch.y.weights if isinstance(batch.y, SoftLabels) else batch.y
    return {"raw": batch.raw.cpu(), "y": y.cpu(), "x": batch.x.cpu(), "view": view}


def _unpack_batch(packed: Packed, task: Task, device: torch.device) -> Batch:
    view = _unpack_batch(packed["view"], task, device) if packed["view"] else None
    y = packed["y"].to(device)
    y = cast(Tensor, SoftLabels(y)) if y.dim() == 2 else y
    return Batch(packed["raw"].to(device), y, task, packed["x"].to(device), view)


def pack_standing(standing: Standing, clock: float) -> Packed:
    """How far a training is, at a moment of its clock."""
    history = standing.history
    return {
        "rows": [vars(row) for row in standing.rows],
        "phase": standing.phase,
        "epoch": standing.epoch,
        "losses": torch.cat(history).cpu() if history else torch.empty(0),
        "lengths": [len(losses) for losses in history],
        "seconds": clock - standing.began,
    }


def unpack_standing(packed: Packed, device: torch.device) -> Standing:
    """What :func:`pack_standing` was given."""
    losses: Tensor = packed["losses"].to(device)
    history = [row.clone() for row in losses.split(packed["lengths"])] if packed["lengths"] else []
    rows = [Epoch(**row) for row in packed["rows"]]
    return Standing(rows, packed["phase"], packed["epoch"], history, packed["seconds"])
