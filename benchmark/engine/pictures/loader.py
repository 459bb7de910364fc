"""Batches of one split: which pictures an epoch shows, in which order; and those that are kept in memory.

Order and augmentation depend on (seed, epoch) alone. Training shuffles, augments and drops the last incomplete batch
(unless it is the only one). Evaluation shuffles too, since stored pictures may lie class by class, and does neither of
the others.
"""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Required, Self, TypedDict, Unpack

import torch
from torch import Tensor

from benchmark.engine.pictures.augment import Draws, Normalise, PixelTable
from benchmark.engine.pictures.data import Batch, Dataset, Pictures, Task
from benchmark.engine.pictures.mixing import Mixing, mixing_of
from benchmark.errors import UserError
from benchmark.schema.recipe import Recipe


class How(TypedDict, total=False):
    """What all loaders are told, whatever keeps their pictures."""

    train: Required[bool]  # shuffle, augment, and drop what fills no batch
    device: torch.device | str
    seed: int  # of order and augmentation
    views: int  # of each picture in a batch, 1 or 2
    channels_last: bool


class Loader(ABC):
    """Batches of one split; what keeps the pictures says how they are read.

    A subclass has `normalise`, which turns `raw` pictures into what a network is given.

    Args:
        labels: (N,) int64, of the stored pictures.
    """

    normalise: Normalise

    def __init__(self, labels: Tensor, task: Task, batch_size: int, **how: Unpack[How]) -> None:
        views, device = how.get("views", 1), how.get("device", "cpu")
        if batch_size < 1:
            raise UserError(f"batch_size is {batch_size}, but must be at least 1.")
        if views not in (1, 2):
            raise UserError(f"views is {views}, but a batch has 1 or 2 augmented views.")
        self.task, self.device = task, device
        self.batch_size, self.seed, self.train, self.views = batch_size, how.get("seed", 0), how["train"], views
        self.layout = torch.channels_last if how.get("channels_last", True) else torch.contiguous_format
        self.labels = labels.to(device)
        self.pool: Tensor | None = None  # the only pictures that are shown, where a phase may see but a few
        self.mixing: Mixing | None = None
        self.share = 0, 1  # which of how many equal, contiguous shares of each batch is shown

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch number `epoch`; the same (seed, epoch) gives the same bits on every device."""
        for number, batch in enumerate(self.batches(epoch)):
            if self.mixing:
                batch = self.mixing(batch, self._seed(epoch, f"mixing {number}"), self.made)
            yield batch

    def following(self, recipe: Recipe) -> Self:
        """The same, its pictures changed and mixed as the recipe asks.

        Raises `UserError` where these pictures cannot be changed so.
        """
        mine = copy.copy(self)
        mine.mixing = mixing_of(recipe, self.task.classes)
        return mine

    @abstractmethod
    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch number `epoch` before any of their pictures are mixed."""

    @abstractmethod
    def show(self, batches: Iterable[Tensor]) -> Iterator[Batch]:
        """A batch of the pictures at each of the places (B,), as they are, whatever the split is for."""

    def made(self, raw: Tensor, y: Tensor) -> Batch:
        """The batch of some pictures, uint8, on the device, and their labels."""
        raw = raw.contiguous(memory_format=self.layout)
        return Batch(raw=raw, y=y, task=self.task, x=self.normalise(raw))

    def restricted(self, per_class: int | None) -> Self:
        """The same with `per_class` random pictures of each class alone, repeated to epochs of the same length.

        Which ones hangs on the seed. None: no restriction.
        """
        if per_class is None:
            return self
        labels = self.labels.cpu()
        shuffled = torch.randperm(len(labels), generator=self._generator(0, "labelled few"))
        few = copy.copy(self)
        few.pool = torch.cat([shuffled[labels[shuffled] == c][:per_class] for c in labels.unique()])
        return few

    def shared(self, number: int, count: int) -> Self:
        """The same with share `number` of `count` of each batch alone: pictures, order and augmentation stay."""
        mine = copy.copy(self)
        mine.share = number, count
        return mine

    def __len__(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(len(self.labels), self.batch_size)
        return full if self.train and full else full + (rest > 0)

    def order(self, epoch: int) -> Tensor:
        """Places (N,), among the stored pictures, of those that epoch number `epoch` shows, in turn."""
        order = torch.randperm(len(self.labels), generator=self._generator(epoch, "order"))
        return order if self.pool is None else self.pool[order % len(self.pool)]

    def parts(self) -> Iterator[slice]:
        """Where in an epoch's order each batch stands, or the share of it that is shown."""
        number, count = self.share
        size = self.batch_size // count
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield slice(start + number * size, start + (number + 1) * size)

    def _generator(self, epoch: int, stream: str) -> torch.Generator:
        """A generator of its own for each use, so that a second view does not move the first."""
        return torch.Generator().manual_seed(self._seed(epoch, stream))

    def _seed(self, epoch: int, stream: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{epoch}/{stream}".encode()).digest()[:8], "big")


class MemoryLoader(Loader):
    """Of pictures that are kept whole on the device, as uint8, and augmented there, a batch at a time."""

    def __init__(self, pictures: Pictures, dataset: Dataset, batch_size: int, **how: Unpack[How]) -> None:
        super().__init__(pictures.labels, dataset.task, batch_size, **how)
        self.dataset = dataset
        self.table = PixelTable(pictures.images, dataset.pad, dataset.padding, self.device)
        self.normalise = Normalise(self.task.mean, self.task.std, self.table.size, self.device, self.layout)

    def batches(self, epoch: int) -> Iterator[Batch]:
        order = self.order(epoch).to(self.device)
        views = [self._draws(epoch, view).to(self.device) for view in range(self.views)]
        for part in self.parts():
            first, *others = [self._batch(order[part], draws[part]) for draws in views]
            first.view = others[0] if others else None
            yield first

    def following(self, recipe: Recipe) -> Self:
        if recipe.rand_augment is not None:
            raise UserError("rand_augment is for pictures that stay in their files; leave it out of this recipe.")
        return super().following(recipe)

    def show(self, batches: Iterable[Tensor]) -> Iterator[Batch]:
        for places in batches:
            still = Draws.identity(len(places), self.dataset.pad).to(self.device)
            yield self._batch(places.to(self.device), still)

    def _batch(self, pictures: Tensor, draws: Draws) -> Batch:
        return self.made(self.table.crop(pictures, draws), self.labels[pictures])

    def _draws(self, epoch: int, view: int) -> Draws:
        if not self.train:
            return Draws.identity(len(self.labels), self.dataset.pad)
        generator = self._generator(epoch, f"view {view}")
        return Draws.random(len(self.labels), self.dataset.pad, self.dataset.flip, generator)
