"""Pictures that stay in their files, a folder a class; which pixels they have is seen when they are shown."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmark.engine.pictures.places import check_folder, check_root, spelt
from benchmark.errors import DataMissing

if TYPE_CHECKING:
    from benchmark.engine.pictures.data import Dataset

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class PictureFiles:
    """N labelled files: paths relative to ``root``, and labels (N,) int64."""

    root: Path
    files: tuple[str, ...]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, indices: Tensor) -> "PictureFiles":
        """The files at ``indices`` (n,), in that order."""
        return PictureFiles(self.root, tuple(self.files[i] for i in indices.tolist()), self.labels[indices])

    def labelled(self, labels: Tensor) -> "PictureFiles":
        """The same pictures under other labels (N,)."""
        return PictureFiles(self.root, self.files, labels)

    def add_to(self, digest: "hashlib._Hash") -> None:
        """Names, sizes and labels: to read all of ImageNet would take an hour, before each cell."""
        for file in self.files:
            try:
                size = (self.root / file).stat().st_size
            except OSError as error:
                raise DataMissing(f"{file} in {self.root} cannot be read ({error.strerror}).") from error
            digest.update(f"{file}\0{size}\n".encode())
        digest.update(self.labels.numpy().data)


def load_files(dataset: "Dataset", root: Path, name: str) -> tuple[PictureFiles, PictureFiles, str]:
    """The files of the tree root/name/{train,val}/CLASS, and the source's name.

    Raises:
        DataMissing: a folder or a class is missing.
    """
    check_root(root)
    expected = f"put {name}/train/CLASS/*.jpg and {name}/val/CLASS/*.jpg there, for {dataset.classes} classes"
    parts = []
    for part in ("train", "val"):
        folder = root / name / part
        if not check_folder(folder, "the folder", f"remove it, then {expected}"):
            raise DataMissing(spelt(f"{name}/{part} is not in the data folder {root}: {expected}."))
        classes = class_folders(folder)
        if len(classes) != dataset.classes:
            raise DataMissing(spelt(f"{name}/{part} in {root} has {len(classes)} classes: {expected}."))
        parts.append((folder, classes))
    (train, classes), (test, others) = parts
    if strange := set(classes) ^ set(others):
        raise DataMissing(spelt(f"The class {min(strange)} is in one part of {name} alone, in {root}: {expected}."))
    return picture_files(train, classes), picture_files(test, classes), f"{name}-files"


def class_folders(folder: Path) -> tuple[str, ...]:
    """The names of the folders in ``folder``, sorted: its classes."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))


def picture_files(folder: Path, classes: Sequence[str], *, missing_ok: bool = False) -> PictureFiles:
    """All JPEG and PNG files in the folder of each class, numbered in the order of ``classes``.

    Args:
        missing_ok: a class may be without pictures.

    Raises:
        DataMissing: a class has no pictures, or a file is none by its name.
    """
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(path for path in (folder / name).rglob("*") if path.is_file() and not path.name.startswith("."))
        if odd := next((path for path in found if path.suffix.lower() not in SUFFIXES), None):
            raise DataMissing(f"{odd} is no JPEG or PNG picture by its name; convert it, or take it out of the folder.")
        if not found and not missing_ok:
            raise DataMissing(f"{folder / name} holds no pictures; fill it, or remove it.")
        files += [str(path.relative_to(folder)) for path in found]
        labels += [label] * len(found)
    if not files:
        raise DataMissing(f"{folder} holds no pictures.")
    return PictureFiles(folder, tuple(files), torch.tensor(labels))
