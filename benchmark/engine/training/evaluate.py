"""Evaluation: the logits of a split's pictures, in an order that says nothing of their classes, and hits among them.

Data sets lie class by class on many a disk, so pictures are shown in a shuffle that hangs on the loader's seed, and
what comes out is put back into the order in which they are stored. Labels are looked at only to count hits: they may
be kept from the process that runs a stranger's method.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from benchmark.engine.pictures.loader import Loader
from benchmark.engine.training.method import Method
from benchmark.engine.training.tf32 import tf32_of
from benchmark.engine.training.train import Diverged
from benchmark.errors import UserError


@contextmanager
def evaluating(parts: Sequence[nn.Module]) -> Iterator[None]:
    """Eval mode, no gradients and no TF32 inside; every module's own mode is put back afterwards.

    Which operations round to TF32 hangs on the size of a batch, and no prediction may hang on that.

    Raises:
        UserError: weights or buffers are not what they were before: no step trains them here, whatever they learn from.
    """
    modes = [(m, m.training) for part in parts for m in part.modules()]
    before = [(t, t.detach().clone()) for part in parts for t in (*part.parameters(), *part.buffers())]
    for part in parts:
        part.eval()
    try:
        with tf32_of("fp32"), torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training
    if any(not torch.equal(now, old) for now, old in before if not old.isnan().any()):
        raise UserError("Predicting moves weights or buffers; they may move in training steps alone.")


def same_logits(model: nn.Module, method: Method, x: Tensor) -> bool:
    """Whether a plain network predicts for pictures (B, C, H, W) what the method does, but for rounding."""
    with evaluating([model, method.modules, method.auxiliaries]):
        return torch.allclose(model(x), method.predict(x), rtol=1e-4, atol=1e-5)


def accuracy(method: Method, loader: Loader, top: Sequence[int] = (1, 5), split: str = "held-out") -> tuple[float, ...]:
    """Top-1, top-5, ... accuracy in percent of the deployed network on a split; leaves no trace.

    Raises:
        Diverged: logits are not finite; names the ``split``.
    """
    return hit_rates(split_logits(method, loader, split), loader.labels.cpu(), top)


def split_logits(method: Method, loader: Loader, split: str = "held-out") -> Tensor:
    """Logits (N, classes) of a whole split in stored order, computed in the loader's shuffle."""
    order = loader.order(0)
    shuffled = finite(logits(method, loader, order.split(loader.batch_size)), split)
    return torch.empty_like(shuffled).index_copy_(0, order, shuffled)


def logits(method: Method, loader: Loader, batches: Iterable[Tensor]) -> Tensor:
    """Logits (n, classes), float32 on the CPU, of the pictures at the places that each of ``batches`` names, in turn.

    Raises:
        UserError: ``predict`` does not return a row of logits a picture.
    """
    with evaluating([method.modules, method.auxiliaries]):
        rows = [_row_a_picture(method.predict(b.x), len(b), method.task.classes) for b in loader.show(batches)]
    return torch.cat(rows) if rows else torch.empty(0, method.task.classes)


def _row_a_picture(found: Tensor, pictures: int, classes: int) -> Tensor:
    shape = tuple(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
    if shape != (pictures, classes):
        raise UserError(
            f"`predict` returned {shape} for {pictures} pictures; it must return logits of the shape "
            f"{(pictures, classes)}, a row a picture and a column a class."
        )
    return found.float().cpu()


def finite(found: Tensor, split: str) -> Tensor:
    """The logits (N, classes) as they are.

    Raises:
        Diverged: some are infinite or not numbers, so that no class is the likeliest.
    """
    if bad := int((~found.isfinite()).any(1).sum()):
        raise Diverged(f"The logits of {bad} of {len(found)} {split} pictures are not finite.")
    return found


def hit_rates(found: Tensor, labels: Tensor, top: Sequence[int] = (1, 5)) -> tuple[float, ...]:
    """Percent of pictures whose label (N,) is among the n largest of their logits (N, classes), for n in ``top``."""
    ranked = found.topk(min(max(top), found.shape[1])).indices
    right = ranked == labels[:, None]
    return tuple((100.0 * right[:, :n].any(1).sum().double() / len(labels)).item() for n in top)
