"""A folder of pictures, one folder a class: its files, classes, and the part that is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmark.engine.pictures.data import stratified_order
from benchmark.errors import DataMissing, UserError

SUFFIXES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}  # in small letters -> what the file must hold
TRAINING = ("train", "training")
HELD_OUT = ("val", "validation", "valid", "test")
SPLIT = 0.1  # of the pictures of each class, where the folder itself holds nothing out


@dataclass(frozen=True)
class Part:
    """N labelled files: paths relative to ``root``, and labels (N,) int64."""

    root: Path
    files: tuple[str, ...]
    labels: Tensor

    def at(self, places: Tensor) -> "Part":
        """The files at ``places`` (n,)."""
        return Part(self.root, tuple(self.files[i] for i in places.tolist()), self.labels[places])


@dataclass(frozen=True)
class Folder:
    """Pictures to train on and to validate on, the names of the classes in order, and how the two were parted."""

    train: Part
    validation: Part
    classes: tuple[str, ...]
    split: str


def read_folder(root: Path) -> Folder:
    """``root``/train/CLASS/... and ``root``/val/CLASS/..., or ``root``/CLASS/..., of which a tenth is held out.

    Raises:
        DataMissing: there is no such folder, or a class has no pictures, or one of a kind that is not read.
        UserError: there are too few classes or pictures.
    """
    if not root.is_dir():
        raise DataMissing(f"There is no folder {root}; give one with a folder of JPEG or PNG pictures for each class.")
    training, held_out = _first(root, TRAINING), _first(root, HELD_OUT)
    if (training is None) != (held_out is None):
        raise DataMissing(f"{root} has {(training or held_out).name}/ alone; it needs train/ and val/, or classes.")  # type: ignore[union-attr]
    classes = _folders(training or root)
    if len(classes) < 2:
        raise UserError(f"{training or root} has {len(classes)} folders of classes; it needs two at least.")
    everything = _part(training or root, classes)
    if held_out:
        if strange := set(_folders(held_out)) - set(classes):
            raise DataMissing(f"{held_out} has a class {min(strange)!r} that {training} lacks.")
        validation = _part(held_out, classes, missing_ok=True)
        return Folder(everything, validation, classes, f"{held_out.name}/ is held out, as the folder says")
    order = stratified_order(everything.labels)
    count = max(1, round(SPLIT * len(order)))
    held, rest = order[:count].sort().values, order[count:].sort().values
    if not len(rest):
        raise UserError(f"{root} has too few pictures to hold some out; put them into train/ and val/ yourself.")
    said = f"{count} of {len(order)} pictures are held out: a tenth of each class, the same ones each time"
    return Folder(everything.at(rest), everything.at(held), classes, said)


def _first(root: Path, names: Sequence[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _folders(root: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")))


def _part(root: Path, classes: Sequence[str], missing_ok: bool = False) -> Part:
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(path for path in (root / name).rglob("*") if path.is_file() and not path.name.startswith("."))
        if odd := next((path for path in found if path.suffix.lower() not in SUFFIXES), None):
            raise DataMissing(f"{odd} is no JPEG or PNG picture by its name; convert it, or take it out of the folder.")
        if not found and not missing_ok:
            raise DataMissing(f"{root / name} holds no pictures; fill it, or remove it.")
        files += [str(path.relative_to(root)) for path in found]
        labels += [label] * len(found)
    if not files:
        raise DataMissing(f"{root} holds no pictures.")
    return Part(root, tuple(files), torch.tensor(labels))
