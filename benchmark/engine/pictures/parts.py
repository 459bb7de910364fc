"""The parts of a data set on a disk, in whichever of the field's ways each is kept.

Folders of classes; tar archives, whose classes are the folders in them, or else the archives (``n01440764.tar``);
WebDataset's shards, where a picture lies beside its class (``7.jpg``, ``7.cls``); Arrow files, as Hugging Face's
``save_to_disk`` leaves them. In all of them a picture is some bytes of a file, so all are read alike
(:class:`PictureFiles`), in any order, by any number of processes, and without these libraries.
"""

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch

from benchmark.engine.pictures.files import SUFFIXES, PictureFiles, class_folders, picture_files
from benchmark.engine.pictures.places import check_folder, check_root, spelt
from benchmark.errors import DataMissing

if TYPE_CHECKING:
    from benchmark.engine.pictures.data import Dataset

TRAINING = ("train", "training")
HELD_OUT = ("val", "validation", "valid", "test")


@dataclass(frozen=True)
class Part:
    """Pictures in folders of classes, below ``root``."""

    root: Path
    classes: tuple[str, ...]  # those that it has, in the order of their numbers
    kind: str  # how it is kept

    def labelled(self, classes: Sequence[str], *, missing_ok: bool = False) -> PictureFiles:
        """The pictures, numbered in the order of ``classes``.

        Args:
            missing_ok: a class may be without pictures.

        Raises:
            DataMissing: a class has no pictures, or a file is none by its name.
        """
        return picture_files(self.root, classes, missing_ok=missing_ok)


@dataclass(frozen=True)
class PackedPart(Part):
    """Pictures in archives."""

    packs: tuple[str, ...]
    files: tuple[str, ...]
    named: tuple[str, ...]  # the class of each picture
    spans: np.ndarray  # (N, 3) int64, as of PictureFiles

    def labelled(self, classes: Sequence[str], *, missing_ok: bool = False) -> PictureFiles:
        if (lacking := set(classes) - set(self.named)) and not missing_ok:
            raise DataMissing(spelt(f"{self.root / self.packs[0]} holds no pictures of the class {min(lacking)}."))
        numbers = {name: number for number, name in enumerate(classes)}
        labels = torch.tensor([numbers[name] for name in self.named])
        return PictureFiles(self.root, self.files, labels, self.packs, torch.from_numpy(self.spans))


def find_part(root: Path, names: Sequence[str]) -> tuple[str, Part] | None:
    """The first part of one of these names below ``root``, and the name: a folder, NAME.tar, or NAME-*.tar.

    Raises:
        DataMissing: it is kept in a way that is not read; says how to convert it.
    """
    for name in names:
        if (root / name).is_dir():
            return name, part_of_folder(root / name)
        if tars := [*root.glob(f"{name}.tar"), *sorted(root.glob(f"{name}-*.tar"))]:
            return name, part_of_tars(root, tars)
        for pattern in (f"{name}*.tar.*", f"{name}*.tgz"):
            for odd in root.glob(pattern):
                raise DataMissing(spelt(f"{odd} is compressed, so no picture can be found in it; decompress it."))
        for odd in [*root.glob(f"{name}-*.parquet"), *root.glob(f"data/{name}-*.parquet")]:
            raise DataMissing(
                spelt(
                    f"{odd} is Parquet; datasets.load_dataset({str(root)!r}).save_to_disk(FOLDER) makes what is read."
                )
            )
    return None


def part_of_folder(folder: Path) -> Part:
    """The pictures of a folder: in Arrow files, in tar archives, or in folders of classes."""
    if arrows := sorted(folder.glob("*.arrow")):
        return _part_of_arrows(folder, arrows)
    classes = class_folders(folder)
    if tars := sorted(folder.glob("*.tar")):
        if classes:
            raise DataMissing(
                spelt(f"{folder} has archives ({tars[0].name}) and folders ({classes[0]}); keep one kind.")
            )
        return part_of_tars(folder, tars)
    return Part(folder, classes, "files")


def part_of_tars(root: Path, tars: Sequence[Path]) -> Part:
    """The pictures of tar archives, read as they lie in them.

    Raises:
        DataMissing: an archive cannot be read, or holds something that is no picture; names it.
    """
    found = [(number, member) for number, tar in enumerate(tars) for member in _members(tar)]
    if any(member.value for _, member in found):
        return _part_of_shards(root, tars, found)
    classes: dict[str, str] = {}
    for number, member in found:
        path = PurePosixPath(member.name)
        if path.suffix.lower() not in SUFFIXES:
            _refuse(tars[number], f"{member.name}, no JPEG or PNG picture by its name; take it out")
        name = path.parent.name or tars[number].stem
        if classes.setdefault(name, str(path.parent)) != str(path.parent):
            _refuse(
                tars[number],
                f"the class {name} in two folders, {classes[name]} and {path.parent}; give an archive for each part, "
                "train.tar and val.tar",
            )
    names = [PurePosixPath(member.name).parent.name or tars[number].stem for number, member in found]
    return _packed(root, tars, sorted(set(names)), names, found, "tars")


@dataclass(frozen=True)
class _Member:
    name: str
    first: int
    size: int
    value: str = ""  # the class, of a shard's .cls


def _members(tar: Path) -> Iterator[_Member]:
    """All files of an archive but hidden ones."""
    try:
        whole = tar.stat().st_size
        with tarfile.open(tar, "r:") as archive:
            for each in archive:
                if each.isdir() or PurePosixPath(each.name).name.startswith("."):
                    continue
                if not each.isreg() or each.issparse():
                    _refuse(tar, f"{each.name}, which is no plain file; take it out")
                if each.offset_data + each.size > whole:
                    _refuse(tar, f"{each.name} in part only, as it is cut short; fetch it again")
                opened = archive.extractfile(each) if each.name.endswith(".cls") else None
                value = opened.read(100).decode("ascii", "replace").strip() if opened else ""
                yield _Member(each.name, each.offset_data, each.size, value)
    except tarfile.TarError as error:
        raise DataMissing(spelt(f"{tar} is no tar archive, or compressed or damaged ({error}).")) from error
    except OSError as error:
        raise DataMissing(spelt(f"{tar} cannot be read ({error.strerror or error}).")) from error


def _part_of_shards(root: Path, tars: Sequence[Path], found: Sequence[tuple[int, _Member]]) -> Part:
    """WebDataset's: files of one name up to its first dot belong together; others than these two tell no class."""
    values, pictures = dict[tuple[int, str], str](), list[tuple[int, _Member]]()
    for number, member in found:
        if member.name.endswith(".cls"):
            if not (member.value.isascii() and member.value.isdigit()):
                _refuse(tars[number], f"{member.name}, whose content is no number of a class; mend it")
            values[number, _key(member.name)] = str(int(member.value))
        elif PurePosixPath(member.name).suffix.lower() in SUFFIXES:
            pictures.append((number, member))
    for number, member in pictures:
        if (number, _key(member.name)) not in values:
            _refuse(tars[number], f"{member.name} without a .cls beside it; put its class there, or take it out")
    names = [values[number, _key(member.name)] for number, member in pictures]
    return _packed(root, tars, sorted(set(names), key=int), names, pictures, "shards")


def _key(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.partition('.')[0]}"


def _packed(
    root: Path,
    packs: Sequence[Path],
    classes: Sequence[str],
    names: Sequence[str],
    found: Sequence[tuple[int, _Member]],
    kind: str,
) -> Part:
    if not found:
        raise DataMissing(spelt(f"{packs[0]} holds no pictures."))
    places = tuple(str(pack.relative_to(root)) for pack in packs)
    files = tuple(f"{places[number]}:{member.name}" for number, member in found)
    spans = np.array([(number, member.first, member.size) for number, member in found], np.int64)
    return PackedPart(root, tuple(classes), kind, places, files, tuple(names), spans)


def _part_of_arrows(folder: Path, arrows: Sequence[Path]) -> Part:
    """Hugging Face's: where the bytes of each picture lie in files that are mapped, not read."""
    found = list[tuple[int, _Member]]()
    names = list[str]()
    order = list[str]()
    for number, arrow in enumerate(arrows):
        spans, labels, order = _rows(arrow)
        found += [(number, _Member(f"row {row}", first, size)) for row, (first, size) in enumerate(spans)]
        names += [order[label] for label in labels]
    present = set(names)
    return _packed(folder, arrows, [name for name in order if name in present], names, found, "arrow")


def _rows(path: Path) -> tuple[list[tuple[int, int]], list[int], list[str]]:
    """First byte and size of each picture, its label, and the names of all classes."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            base, whole = source.read_buffer().address, source.size()
            source.seek(0)
            reader = pa.ipc.open_stream(source)
            picture, label, names = _columns(path, reader.schema)
            spans, labels = list[tuple[int, int]](), list[int]()
            for batch in reader:
                stored = batch.column(picture).flatten()[batch.column(picture).type.get_field_index("bytes")]
                if stored.null_count or batch.column(label).null_count:
                    _refuse(path, "rows without a picture's bytes or without a label; leave these out")
                spans += _spans(stored, base)
                labels += batch.column(label).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataMissing(
            spelt(f"{path} is damaged, or no Arrow file of Hugging Face's datasets ({error}).")
        ) from error
    if any(not 0 <= label < len(names) for label in labels) or any(
        not 0 <= first <= whole - size for first, size in spans
    ):
        _refuse(path, "labels without a name, or compressed pictures; save it again")
    return spans, labels, names


def _spans(stored: Any, base: int) -> list[tuple[int, int]]:
    """Of an array of bytes that lies in a file which is mapped to the address ``base``."""
    _, offsets, data = stored.buffers()
    wide = np.int64 if str(stored.type).startswith("large") else np.int32
    edges = np.frombuffer(offsets, wide)[stored.offset : stored.offset + len(stored) + 1].astype(np.int64)
    return list(zip((edges[:-1] + data.address - base).tolist(), np.diff(edges).tolist(), strict=True))


def _columns(path: Path, schema: Any) -> tuple[str, str, list[str]]:
    """The columns of pictures and of labels, and the classes' names."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        pictures = [name for name, feature in features.items() if feature["_type"] == "Image"]
        labels = [name for name, feature in features.items() if feature["_type"] == "ClassLabel"]
        if len(pictures) == len(labels) == 1:
            return pictures[0], labels[0], features[labels[0]]["names"]
    except (TypeError, KeyError, ValueError, AttributeError):
        pass
    _refuse(path, "not one column of pictures (Image) and one of classes (ClassLabel) alone; cast and select columns")


def load_files(dataset: "Dataset", root: Path, name: str) -> tuple[PictureFiles, PictureFiles, str]:
    """The pictures of root/NAME/train and root/NAME/val (or validation, test), and the source's name.

    Each part is a folder of classes, or what else this module reads.

    Raises:
        DataMissing: a part or a class is missing.
    """
    check_root(root)
    expected = f"put {name}/train/CLASS/*.jpg and {name}/val/CLASS/*.jpg there, for {dataset.classes} classes"
    parts = []
    for names in (TRAINING, HELD_OUT):
        for each in names:
            check_folder(root / name / each, "the folder", f"remove it, then {expected}")
        found = find_part(root / name, names)
        if found is None:
            raise DataMissing(spelt(f"{name}/{names[0]} is not in the data folder {root}: {expected}."))
        if len(found[1].classes) != dataset.classes:
            place, count = f"{name}/{found[0]}", len(found[1].classes)
            raise DataMissing(spelt(f"{place} in {root} has {count} classes: {expected}."))
        parts.append(found[1])
    train, test = parts
    if strange := set(train.classes) ^ set(test.classes):
        raise DataMissing(spelt(f"The class {min(strange)} is in one part of {name} alone, in {root}: {expected}."))
    kinds = "-".join(dict.fromkeys((train.kind, test.kind)))
    return train.labelled(train.classes), test.labelled(train.classes), f"{name}-{kinds}"


def _refuse(pack: Path, holds: str) -> NoReturn:
    raise DataMissing(spelt(f"{pack} holds {holds}."))
