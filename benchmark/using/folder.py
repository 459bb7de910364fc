"""Pictures of the user's own: their classes, and the part that is held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.engine.pictures.data import stratified_order
from benchmark.engine.pictures.files import PictureFiles
from benchmark.engine.pictures.parts import HELD_OUT, TRAINING, Part, find_part, part_of_folder, part_of_tars
from benchmark.engine.pictures.picture_file import check_picture
from benchmark.engine.pictures.places import spelt
from benchmark.errors import DataMissing, UserError

SPLIT = 0.1  # of the pictures of each class, where the folder itself holds nothing out
MANY = 200_000  # pictures: to open more takes minutes, many of them where they lie on another machine


@dataclass(frozen=True)
class Folder:
    """Pictures to train on and to validate on, the names of the classes in order, and how the two were parted."""

    train: PictureFiles
    validation: PictureFiles
    classes: tuple[str, ...]
    split: str


def read_folder(root: Path) -> Folder:
    """The parts train and val of ``root``, or ``root`` as a whole, of which a tenth of each class is held out.

    A part is a folder with one for each class, or archives (:mod:`benchmark.engine.pictures.parts`); so is the whole.

    Raises:
        DataMissing: there is no such folder, or a class has no pictures, or one of a kind that is not read.
        UserError: there are too few classes or pictures.
    """
    if root.is_file() and root.suffix == ".tar":
        return _parted(root, part_of_tars(root.parent, [root]))
    if not root.is_dir():
        raise DataMissing(f"There is no folder {root}; give one with a folder of JPEG or PNG pictures for each class.")
    training, held_out = find_part(root, TRAINING), find_part(root, HELD_OUT)
    if training is None or held_out is None:
        if lonely := training or held_out:
            raise DataMissing(f"{root} has {lonely[0]}/ alone; it needs train/ and val/, or classes.")
        return _parted(root, part_of_folder(root))
    name, train = training
    _check_classes(root / name, train.classes)
    everything = train.labelled(train.classes)
    name, other = held_out
    if strange := set(other.classes) - set(train.classes):
        raise DataMissing(f"{root / name} has a class {min(strange)!r} that {root / training[0]} lacks.")
    validation = other.labelled(train.classes, missing_ok=True)
    said = f"{name}/ is held out, as the folder says{_missed(train.classes, validation)}"
    return Folder(everything, validation, train.classes, said)


def _parted(root: Path, whole: Part) -> Folder:
    """A part of all pictures is held out."""
    _check_classes(root, whole.classes)
    everything = whole.labelled(whole.classes)
    order = stratified_order(everything.labels)
    count = max(1, round(SPLIT * len(order)))
    held, rest = order[:count].sort().values, order[count:].sort().values
    if len(everything.labels[rest].unique()) < len(whole.classes):
        raise UserError(f"{root} has too few pictures to hold some out; put them into train/ and val/ yourself.")
    said = f"{count} of {len(order)} pictures are held out: a tenth of each class, the same ones each time"
    validation = everything.at(held)
    return Folder(everything.at(rest), validation, whole.classes, said + _missed(whole.classes, validation))


def _missed(classes: Sequence[str], held_out: PictureFiles) -> str:
    """Which classes nobody validates on."""
    shown = set(held_out.labels.tolist())
    missed = [name for c, name in enumerate(classes) if c not in shown]
    return f"; none of {missed[0]!r}" + (f" and {len(missed) - 1} more" if missed[1:] else "") if missed else ""


def check_pictures(folder: Folder) -> None:
    """Find before a training, and not within it, which pictures cannot be read: all at once.

    Of more than ``MANY``, the training finds them, one at a time, and goes on from its checkpoint.

    Raises:
        DataMissing: some cannot; says of the first why, and how many there are.
    """
    total = len(folder.train) + len(folder.validation)
    if total > MANY:
        return
    odd: list[tuple[str, DataMissing]] = []
    for part in (folder.train, folder.validation):
        for place, file in enumerate(part.files):
            try:
                check_picture(part.root, file, part.content(place) if part.packs else None)
            except DataMissing as error:
                odd.append((file, error))
    if not odd:
        return
    (_, first), *more = odd
    others = f" Nor can be read {len(more)} more of the {total:,} pictures, as {more[0][0]}." if more else ""
    raise DataMissing(spelt(f"{first}{others}"))


def _check_classes(place: Path, classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise UserError(f"{place} has {len(classes)} folders of classes; it needs two at least.")
