"""Pictures that stay in their files, one a file or many in an archive; which pixels they have is seen when shown."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.engine.pictures.places import JUNK, spelt
from benchmark.errors import DataMissing

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class PictureFiles:
    """N labelled pictures below the folder ``root``, each a file of its own or some bytes of a pack (an archive).

    Attributes:
        files: names, by which sentences call them; without ``packs``, paths relative to ``root``.
        labels: (N,) int64.
        packs: paths relative to ``root`` of files that hold many pictures.
        spans: (N, 3) int64, for each picture which pack it lies in, from which byte on, and how many bytes.
    """

    root: Path
    files: tuple[str, ...]
    labels: Tensor
    packs: tuple[str, ...] = ()
    spans: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, indices: Tensor) -> "PictureFiles":
        """The pictures at ``indices`` (n,), in that order."""
        spans = None if self.spans is None else self.spans[indices]
        return replace(
            self, files=tuple(self.files[i] for i in indices.tolist()), labels=self.labels[indices], spans=spans
        )

    def content(self, place: int) -> bytes:
        """The bytes of a picture as they are stored.

        Raises:
            DataMissing: they cannot be read; names the file.
        """
        file, first, size = self.files[place], 0, -1
        path = self.root / file
        if self.spans is not None:
            pack, first, size = self.spans[place].tolist()
            path = self.root / self.packs[pack]
        try:
            with open(path, "rb") as opened:
                opened.seek(first)
                found = opened.read(size)
        except OSError as error:
            raise DataMissing(
                spelt(f"{file} in {self.root} cannot be read ({error.strerror}): see to it that it can.")
            ) from error
        if size > len(found):
            raise DataMissing(spelt(f"{path} is cut short in {file}: fetch it again."))
        return found

    def sizes(self) -> list[int]:
        """Bytes of each picture; raises DataMissing that names a file which is not there."""
        if self.spans is not None:
            return self.spans[:, 2].tolist()
        return [self._size(file) for file in self.files]

    def _size(self, file: str) -> int:
        try:
            return (self.root / file).stat().st_size
        except OSError as error:
            raise DataMissing(f"{file} in {self.root} cannot be read ({error.strerror}).") from error

    def labelled(self, labels: Tensor) -> "PictureFiles":
        """The same pictures under other labels (N,)."""
        return replace(self, labels=labels)

    def add_to(self, digest: "hashlib._Hash") -> None:
        """Names, sizes and labels: to read all of ImageNet would take an hour, before each cell."""
        for file, size in zip(self.files, self.sizes(), strict=True):
            digest.update(os.fsencode(file) + f"\0{size}\n".encode())  # a name may be no UTF-8
        digest.update(self.labels.numpy().data)

    def places(self) -> list[Path]:
        """What must be readable to show them: the folder, or the packs."""
        root = self.root.absolute()
        return [root / pack for pack in self.packs] or [root]

    def facts(self) -> dict[str, Any]:
        """The same as plain values, wherever the working directory of who reads them is."""
        return {**vars(self), "root": str(self.root.absolute())}

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> "PictureFiles":
        """What :meth:`facts` said."""
        return cls(**{**facts, "root": Path(facts["root"])})


def class_folders(folder: Path) -> tuple[str, ...]:
    """The names of the folders in ``folder``, sorted: its classes."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not _ignored(path)))


def _ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.name in JUNK


def _files(folder: Path) -> Iterator[Path]:
    """All files in a folder and in those within it; raises DataMissing for a link that leads to none."""
    for path in folder.rglob("*"):
        if _ignored(path):
            continue
        if path.is_symlink() and not path.is_file():
            where = "a folder, where pictures would not be read" if path.is_dir() else "nowhere"
            raise DataMissing(spelt(f"{path} is a link to {where}; put what is meant in its place, or remove it."))
        if path.is_file():
            yield path


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
        found = sorted(_files(folder / name))
        if odd := next((path for path in found if path.suffix.lower() not in SUFFIXES), None):
            raise DataMissing(f"{odd} is no JPEG or PNG picture by its name; convert it, or take it out of the folder.")
        if not found and not missing_ok:
            raise DataMissing(f"{folder / name} holds no pictures; fill it, or remove it.")
        files += [str(path.relative_to(folder)) for path in found]
        labels += [label] * len(found)
    if not files:
        raise DataMissing(f"{folder} holds no pictures.")
    return PictureFiles(folder, tuple(files), torch.tensor(labels))
