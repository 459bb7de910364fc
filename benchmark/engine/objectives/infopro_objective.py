"""InfoPro's local objective, which other methods put on features of their own.

Wang et al., ICLR 2021:

    L_k = λ1(k) BCE( Dec_k(h), x ) + λ2(k) L_y( head_k(h), y )
    λ(k) = (1 - r) λ(first) + r λ(last),   r = k / (K - 2),   k = 0 ... K - 2   (r = 0 where K = 2)
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.cutting.units import Features
from benchmark.engine.objectives import heads, losses
from benchmark.engine.objectives.imagenet_heads import LARGE, ImageNetDecoder, ImageNetHead
from benchmark.engine.pictures.data import Batch, Task
from benchmark.errors import UserError

Weights = tuple[float, float]  # (λ1, λ2): of the reconstruction, of the task loss

RESNET32: dict[int, tuple[Weights, Weights]] = {  # K: weights of the first module, of the last hidden one
    2: ((5, 1), (5, 1)),
    4: ((6, 0), (1, 2)),
    8: ((5, 0), (0, 2)),
    16: ((5, 0.05), (0.2, 0.5)),
}
EMBEDDING = 128
HEADS = {"1c2f": 1, "2c2f": 2}  # convolutions
TASK_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "contrast": losses.supervised_contrastive,
    "softmax": F.cross_entropy,
}


def infopro_weights(k: int, modules: int, first: Weights | None, last: Weights | None) -> Weights:
    """(λ1, λ2) of hidden module ``k`` of K = ``modules``, between those of the first and of the last hidden one.

    Without ``first`` and ``last``: the authors' table for ResNet-32 on CIFAR-10, by K; for a K between two of
    its entries the smaller one. Raises UserError where both weights are 0.
    """
    table = RESNET32[max(entry for entry in RESNET32 if entry <= modules)]
    first, last = first or table[0], last or table[1]
    r = k / (modules - 2) if modules > 2 else 0.0
    weights = ((1 - r) * first[0] + r * last[0], (1 - r) * first[1] + r * last[1])
    if weights == (0, 0):
        raise UserError(f"InfoPro's module {k} has no objective, as both weights are 0; raise first or last.")
    return weights


class InfoProObjective(nn.Module):
    """Decoder and head of one module, and the loss that they make; a part of weight zero is left out.

    Args:
        features: of h, in any layout.
        task: what the pictures and the classes are.
        weights: (λ1, λ2).
        task_loss: ``contrast``, supervised contrastive on 128 dimensions, temperature 0.07, or ``softmax``,
            cross-entropy.
        head: ``1c2f`` or ``2c2f``: with one convolution or two; none: as the authors have it for pictures of this size,
            ``1c2f``, or from 128 pixels on what their code for ImageNet has, a decoder of its own as well.

    Raises:
        UserError: there is no such ``task_loss`` or ``head``.
    """

    def __init__(
        self, features: Features, task: Task, weights: Weights, task_loss: str, head: str | None = None
    ) -> None:
        super().__init__()
        if task_loss not in TASK_LOSSES:
            raise UserError(f"There is no task_loss {task_loss!r}; choose {' or '.join(TASK_LOSSES)}.")
        if head not in (None, *HEADS):
            raise UserError(f"There is no head {head!r}; choose {' or '.join(HEADS)}.")
        self.weights = weights
        self.task_loss = TASK_LOSSES[task_loss]
        large = head is None and task.image_size >= LARGE
        outputs = EMBEDDING if task_loss == "contrast" else task.classes
        if weights[0]:
            self.decoder = (ImageNetDecoder if large else heads.Decoder)(features, task.channels, task.image_size)
        if weights[1] and large:
            self.head: nn.Module = ImageNetHead(features, outputs)
        elif weights[1]:
            self.head = heads.ConvHead(features, outputs, convolutions=HEADS[head or "1c2f"])

    def forward(self, h: Tensor, batch: Batch) -> Tensor:
        """The weighted sum of both losses on features ``h`` (B, ...), a scalar."""
        loss = h.new_zeros(())
        if self.weights[0]:
            loss = loss + self.weights[0] * losses.reconstruction(self.decoder(h), batch.pixels)
        if self.weights[1]:
            loss = loss + self.weights[1] * self.task_loss(self.head(h), batch.y)
        return loss
