"""Batches of mixed pictures, and soft labels: mixup, CutMix and label smoothing, where a recipe asks.

Pictures are mixed as uint8, as timm does it too, so that whatever a method reads of a batch (``raw``, ``pixels``,
``x``, its second view) is of the same mixed pictures.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from benchmark.engine.pictures.data import Batch
from benchmark.engine.pictures.soft_labels import SoftLabels
from benchmark.schema.recipe import Recipe


class Mixing:
    """Mixes each picture with its neighbour in the batch, by one draw a batch.

    Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018; Yun et al., "CutMix", ICCV 2019. With both,
    each batch has one of them, by a coin.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        how: dict[str, Any] = {"num_classes": classes, "labels_getter": lambda sample: sample[1]}
        self.ways: list[Any] = [v2.MixUp(alpha=recipe.mixup, **how)] if recipe.mixup else []
        self.ways += [v2.CutMix(alpha=recipe.cutmix, **how)] if recipe.cutmix else []
        self.smoothing, self.classes = recipe.label_smoothing or 0.0, classes

    def __call__(self, batch: Batch, seed: int, made: Callable[[Tensor, Tensor], Batch]) -> Batch:
        """The batch of mixed pictures.

        Args:
            seed: decides all.
            made: the batch of some uint8 pictures and their labels.
        """
        views = [batch] if batch.view is None else [batch, batch.view]
        weights = F.one_hot(batch.y, self.classes).float()
        if self.ways:
            mixed, weights = self._mixed(torch.cat([view.raw for view in views], 1), batch.y, seed)
            views = [made(raw, batch.y) for raw in mixed.chunk(len(views), 1)]
        weights = weights * (1 - self.smoothing) + self.smoothing / self.classes
        y = cast(Tensor, SoftLabels(weights))
        first, *others = [replace(view, y=y, view=None) for view in views]
        first.view = others[0] if others else None
        return first

    def _mixed(self, raw: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Views side by side, as channels, are mixed alike."""
        with torch.random.fork_rng(devices=[]):  # transforms draw from the global generator, the CPU's
            torch.default_generator.manual_seed(seed >> 1)
            way = self.ways[int(torch.randint(len(self.ways), ()))]
            mixed, weights = way(raw.float(), y)
        return mixed.round().byte(), weights


def mixing_of(recipe: Recipe, classes: int) -> Mixing | None:
    """What a recipe asks of each batch; none where labels stay classes."""
    if recipe.mixup or recipe.cutmix or recipe.label_smoothing:
        return Mixing(recipe, classes)
    return None
