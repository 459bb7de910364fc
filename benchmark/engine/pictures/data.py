"""Pictures in memory: one fixed split and one order of batches, the same for every method of a (suite, seed).

Whole data sets are kept as uint8 tensors on the device that trains; augmentation and normalisation run there
on whole batches (`augment`). Nothing here draws from torch's global generator, so what a method draws
cannot change the pictures that it sees.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmark.engine.pictures.augment import Padding
from benchmark.engine.pictures.files import PictureFiles
from benchmark.errors import DataMissing, UserError

SPLIT_SEED = 20240501  # fixed: a split that followed the run's seed would leak test choices between seeds


@dataclass(frozen=True)
class Task:
    """All that a method may know of its problem; `mean` and `std` are per channel, of pixels in [0, 1]."""

    classes: int
    image_size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures in memory: `images` (N, C, H, W) uint8 contiguous, `labels` (N,) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, indices: Tensor) -> Pictures:
        """The pictures at `indices` (n,), as a copy in that order."""
        return Pictures(self.images[indices], self.labels[indices])

    def labelled(self, labels: Tensor) -> Pictures:
        """The same pictures under other labels (N,)."""
        return Pictures(self.images, labels)

    def add_to(self, digest: hashlib._Hash) -> None:
        """All pixels and labels."""
        for tensor in (self.images, self.labels):
            digest.update(tensor.contiguous().numpy().data)


def as_pictures(images: np.ndarray, labels: np.ndarray | list[int]) -> Pictures:
    """Pictures from arrays (N, H, W) or (N, H, W, C) of uint8 and labels (N,)."""
    channels_first = images.reshape(*images.shape[:3], -1).transpose(0, 3, 1, 2).copy()
    return Pictures(torch.from_numpy(channels_first), torch.tensor(labels, dtype=torch.int64))


def in_memory(part: Pictures | PictureFiles) -> Pictures:
    """The part, for who hands pixels on; raises `UserError` where they stay in their files."""
    if isinstance(part, PictureFiles):
        raise UserError("Pictures that stay in their files are not handed to a sandbox, so this cannot be done there.")
    return part


@dataclass(frozen=True)
class Splits:
    """The three parts of a data set; `fingerprint` is of the full one, before any split or limit."""

    train: Pictures | PictureFiles
    validation: Pictures | PictureFiles
    test: Pictures | PictureFiles
    source: str
    fingerprint: str


class Dataset:
    """A data set plugin: literals that describe it, and `load`, which finds the pictures."""

    title: ClassVar[str]
    url: ClassVar[str]
    classes: ClassVar[int]
    image_size: ClassVar[int]
    channels: ClassVar[int]
    mean: ClassVar[tuple[float, ...]]
    std: ClassVar[tuple[float, ...]]
    pad: ClassVar[int] = 4
    padding: ClassVar[Padding] = "reflect"
    flip: ClassVar[bool] = True
    placeable: ClassVar[bool] = False  # the suite says where it lies and what it is, and not its file
    groups: Sequence[Sequence[int]] | None = None  # of its classes, that are told apart in their place

    def load(self, root: Path) -> tuple[Pictures, Pictures, str] | tuple[PictureFiles, PictureFiles, str]:
        """Training pictures, test pictures and the source's name; `PictureFiles` of any size stay in their files.

        Raises `DataMissing` with one sentence that says what is missing or damaged and how to get it.
        """
        raise NotImplementedError

    def augmented(self, pad: int, padding: Padding, flip: bool) -> Dataset:
        """The same pictures with another augmentation of those that are trained on."""
        other: Any = copy.copy(self)  # of the very class, whose file is what a record names
        other.pad, other.padding, other.flip = pad, padding, flip
        return other

    def placed(self, path: str, classes: int, image: int) -> Dataset:
        """The data set in the folder `path` of the data folder, where it is `placeable`."""
        raise NotImplementedError

    def grouped(self, groups: Sequence[Sequence[int]]) -> Dataset:
        """The same pictures, of which groups of classes are told apart; those of other classes are left out.

        Raises `UserError` for a class that there is none of.
        """
        if unknown := [c for group in groups for c in group if c not in range(self.classes)]:
            raise UserError(f"{self.title} has no class {unknown[0]}; its classes are 0 to {self.classes - 1}.")
        other: Any = copy.copy(self)
        other.groups = groups
        return other

    @property
    def task(self) -> Task:
        """What a method may know of this data set."""
        return Task(
            len(self.groups) if self.groups else self.classes, self.image_size, self.channels, self.mean, self.std
        )


def data_root() -> Path:
    """The folder that holds the data sets: `$BEYOND_DATA`, else `data` in the working directory."""
    return Path(os.environ.get("BEYOND_DATA") or "data")


def load_splits(dataset: Dataset, root: Path, validation: float, limit: int | None = None) -> Splits:
    """Load `dataset` and hold out the fraction `validation` of its training pictures.

    The split is stratified by class and fixed: the same for all methods, seeds and suites. `limit` keeps at
    most that many pictures of each part, stratified too (for quick trials), of those whose classes are told apart:
    parts of a grouped data set are of those of the whole, so that no picture is trained on for one task and tested for
    another.
    Raises `DataMissing` when the pictures cannot be had, `UserError` for a bad `validation` or `limit`.
    """
    if not 0 <= validation < 1:
        raise UserError(f"validation is {validation}, but must be a fraction from 0 to below 1, such as 0.1.")
    if limit is not None and limit < 1:
        raise UserError(f"limit is {limit}, but must be at least 1 picture; leave it out to use all.")
    try:
        train, test, source = dataset.load(root)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataMissing(f"{dataset.title} cannot be read from {root} ({reason}): see to it that it can.") from error
    rest, held_out = parted(train.labels, validation)
    told = partial(_told_apart, groups=dataset.groups, limit=limit)
    return Splits(
        train=told(train, rest),
        validation=told(train, held_out),
        test=told(test, stratified_order(test.labels)) if limit or dataset.groups else test,
        source=source,
        fingerprint=fingerprint(train, test),
    )


def parted(labels: Tensor, validation: float) -> tuple[Tensor, Tensor]:
    """Numbers of the pictures to train on, and of those held out, each in a fixed stratified shuffle."""
    order = stratified_order(labels)
    held_out = round(validation * len(labels))
    return order[held_out:], order[:held_out]


def _told_apart(
    pictures: Pictures | PictureFiles, order: Tensor, groups: Sequence[Sequence[int]] | None, limit: int | None
) -> Pictures | PictureFiles:
    """The first of those numbers `order` (n,) whose classes are in a group, under the groups' numbers."""
    if groups is None:
        return pictures.at(order[:limit].sort().values)
    group = group_of(pictures.labels, groups)
    kept = order[group[order] >= 0][:limit].sort().values
    return pictures.at(kept).labelled(group[kept])


def group_of(labels: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """The number of the group that each label (N,) belongs to, -1 where it belongs to none."""
    found = torch.full_like(labels, -1)
    for number, group in enumerate(groups):
        found[torch.isin(labels, torch.tensor(group))] = number
    return found


def stratified_order(labels: Tensor) -> Tensor:
    """A fixed shuffle (N,) of pictures with `labels` (N,); every stretch holds the classes in proportion.

    Each class is shuffled and spread evenly over [0, 1); the order is that of the spread. numpy's legacy
    generator draws it, as numpy promises never to change its stream.
    """
    draw = np.random.RandomState(SPLIT_SEED)
    names, place = labels.numpy(), np.empty(len(labels))
    for name in np.unique(names):
        members = np.flatnonzero(names == name)
        place[draw.permutation(members)] = (np.arange(len(members)) + 0.5) / len(members)
    return torch.from_numpy(np.argsort(place, kind="stable"))


def fingerprint(train: Pictures | PictureFiles, test: Pictures | PictureFiles) -> str:
    """First 16 hex digits of the SHA-256 of all pictures and labels; of files, of their names and sizes."""
    digest = hashlib.sha256()
    for part in (train, test):
        part.add_to(digest)
    return digest.hexdigest()[:16]


@dataclass
class Batch:
    """B pictures on the device, augmented where they train.

    `raw` (B, C, H, W) uint8; `y` (B,) int64; `x` (B, C, H, W) float32, normalised by the task's mean and
    std; `view` is a second augmentation of the same pictures, for methods that ask for two.
    """

    raw: Tensor
    y: Tensor
    task: Task
    x: Tensor
    view: Batch | None = None

    @property
    def pixels(self) -> Tensor:
        """(B, C, H, W) float32 in [0, 1], made anew at each call so that who does not ask pays no memory."""
        return self.raw.float().div_(255)

    def __len__(self) -> int:
        return len(self.y)

    def parts(self, count: int) -> list[Batch]:
        """As many equal batches of neighbours, as views."""
        if count == 1:
            return [self]
        views = self.view.parts(count) if self.view else [None] * count
        pieces = zip(self.raw.chunk(count), self.y.chunk(count), self.x.chunk(count), views, strict=True)
        return [Batch(raw, y, self.task, x, view) for raw, y, x, view in pieces]
