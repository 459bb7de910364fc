"""A folder of pictures, one folder a class: its files, classes, and the part that is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.engine.pictures.data import stratified_order
from benchmark.engine.pictures.files import PictureFiles, class_folders, picture_files
from benchmark.errors import DataMissing, UserError

TRAINING = ("train", "training")
HELD_OUT = ("val", "validation", "valid", "test")
SPLIT = 0.1  # of the pictures of each class, where the folder itself holds nothing out


@dataclass(frozen=True)
class Folder:
    """Pictures to train on and to validate on, the names of the classes in order, and how the two were parted."""

    train: PictureFiles
    validation: PictureFiles
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
    classes = class_folders(training or root)
    if len(classes) < 2:
        raise UserError(f"{training or root} has {len(classes)} folders of classes; it needs two at least.")
    everything = picture_files(training or root, classes)
    if held_out:
        if strange := set(class_folders(held_out)) - set(classes):
            raise DataMissing(f"{held_out} has a class {min(strange)!r} that {training} lacks.")
        validation = picture_files(held_out, classes, missing_ok=True)
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
