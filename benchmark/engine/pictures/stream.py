"""Pictures that stay in their files or archives: read, cropped and flipped in the processes of a DataLoader.

What a picture looks like hangs on (seed, epoch, index, view) alone, so the bits are the same with any number of
workers. Batches are what the in-memory loader makes: uint8 ``raw``, normalised on the device that trains.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self, Unpack

import torch
from torch import Tensor
from torch.utils import data
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from benchmark.engine.pictures.augment import Normalise
from benchmark.engine.pictures.data import Batch, Dataset, Pictures, Task
from benchmark.engine.pictures.files import PictureFiles
from benchmark.engine.pictures.loader import How, Loader, MemoryLoader
from benchmark.engine.pictures.picture_file import read_picture
from benchmark.errors import DataMissing
from benchmark.schema.recipe import Recipe

SHOWN = (
    0.875  # of the side of a picture that is evaluated on, from its middle: that of timm's and torchvision's recipes
)
Key = tuple[int, int, int]  # epoch (-1: as it is), view, place among the stored pictures


class _Files(data.Dataset):
    """One picture a key, as (C, H, W) uint8, or the sentence on its file: workers cannot raise one."""

    def __init__(self, part: PictureFiles, size: int, seed: int, rand_augment: int | None = None) -> None:
        self.part, self.size, self.seed = part, size, seed
        changes = [v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()]  # scale 0.08 to 1
        if rand_augment is not None:
            changes.append(v2.RandAugment(magnitude=rand_augment))  # Cubuk et al. 2020: two operations a picture
        self.random = v2.Compose(changes)

    def __getitem__(self, key: Key) -> Tensor | str:
        epoch, view, place = key
        file = self.part.files[place]
        try:
            content = self.part.content(place) if self.part.packs else None
            pixels = read_picture(self.part.root, file, None, None, 3, content)
        except DataMissing as error:
            return str(error)
        picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
        if epoch < 0:
            shown = functional.resize(picture, [round(self.size / SHOWN)], antialias=True)
            return functional.center_crop(shown, [self.size])
        digest = hashlib.sha256(f"{self.seed}/{epoch}/{place}/{view}".encode()).digest()
        with torch.random.fork_rng(devices=[]):  # transforms draw from the global generator
            # the CPU's: torch.manual_seed notes a stack trace for a GPU that may come, in two thirds of the time of all
            torch.default_generator.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
            return self.random(picture)


def _collated(items: list[Tensor | str]) -> Tensor | str:
    pictures: list[Tensor] = []
    for item in items:
        if isinstance(item, str):
            return item
        pictures.append(item)
    return torch.stack(pictures)


class StreamingLoader(Loader):
    """Of pictures of any size, which are read when they are needed.

    Args:
        workers: processes that read; the bits do not hang on how many.
    """

    def __init__(
        self, part: PictureFiles, task: Task, batch_size: int, *, workers: int = 0, **how: Unpack[How]
    ) -> None:
        super().__init__(part.labels, task, batch_size, **how)
        self.workers = workers
        self.files = _Files(part, task.image_size, self.seed)
        self.normalise = Normalise(task.mean, task.std, task.image_size, self.device, self.layout)

    def following(self, recipe: Recipe) -> Self:
        mine = super().following(recipe)
        mine.files = _Files(self.files.part, self.files.size, self.files.seed, recipe.rand_augment)
        return mine

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch number ``epoch``; raises DataMissing that names a file which cannot be read."""
        order = self.order(epoch)
        places = [order[part] for part in self.parts()]
        yield from self._read(places, epoch if self.train else -1, self.views if self.train else 1)

    def show(self, batches: Iterable[Tensor]) -> Iterator[Batch]:
        """A batch of the pictures at each of the places (B,), as they are evaluated on."""
        yield from self._read(list(batches), -1, 1)

    def _read(self, batches: Iterable[Tensor], epoch: int, views: int) -> Iterator[Batch]:
        places = list(batches)
        keys = [[(epoch, view, i) for view in range(views) for i in batch.tolist()] for batch in places]
        cuda = torch.device(self.device).type == "cuda"
        reader: Any = data.DataLoader(
            self.files, batch_sampler=keys, num_workers=self.workers, collate_fn=_collated, pin_memory=cuda
        )
        for batch, read in zip(self._on_device(places), reader, strict=True):
            if isinstance(read, str):
                raise DataMissing(read)
            shown = read.to(self.device, non_blocking=True).chunk(views)
            first, *others = [self.made(raw, self.labels[batch]) for raw in shown]
            first.view = others[0] if others else None
            yield first

    def _on_device(self, batches: list[Tensor]) -> Sequence[Tensor]:
        """The same places, copied all at once: a copy a batch would have the process wait for the step before it."""
        return torch.cat(batches).to(self.device).split([len(batch) for batch in batches]) if batches else ()


def loader_of(
    pictures: Pictures | PictureFiles, dataset: Dataset, batch_size: int, *, workers: int = 0, **how: Unpack[How]
) -> Loader:
    """The loader of pictures that are in memory, or that stay in their files and are read by so many ``workers``."""
    if isinstance(pictures, Pictures):
        return MemoryLoader(pictures, dataset, batch_size, **how)
    return StreamingLoader(pictures, dataset.task, batch_size, workers=workers, **how)
