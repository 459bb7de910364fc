"""Where the pictures of a tree stand: no picture is left out without a word, and what is odd is named.

Read are NAME/train/CLASS/*.jpg and NAME/test/CLASS/*.jpg, or PNG files. A tree may stand one folder deeper, as archives
unpack, and `val` may stand for `test`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from benchmark.engine.pictures.data import Dataset
from benchmark.engine.pictures.places import JUNK, check_folder, check_root, spelt
from benchmark.errors import DataMissing

TREE = "{name}/train/CLASS/*.jpg and {name}/test/CLASS/*.jpg (or *.png)"
PARTS = {  # what a folder's name says
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "val", "valid", "validation"), "test"),
}
KINDS = {".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".jfif": "jpeg", ".png": "png"}
SIGNATURES = {  # how files begin that are pictures by any name
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"P5": "PGM",
    b"P6": "PPM",
}
OTHERS = (".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".avif", ".heic", ".jp2", ".jxl")  # pictures, too
DEEPEST = 2  # folders that an archive may bring of its own


@dataclass(frozen=True)
class Tree:
    """The files of a tree, relative to the data folder, and their classes; of its training and its test part."""

    kind: str  # jpeg or png
    files: list[list[str]]
    labels: list[np.ndarray]


def find_tree(dataset: Dataset, root: Path, name: str, even: bool = False) -> Tree:
    """The tree root/name. Raises `DataMissing` with one sentence that names what is missing or odd."""
    expected = f"expected {TREE.format(name=name)} for {dataset.classes} classes"
    _present(root, name)
    parts = [_deeper(root, folder) for folder in _parts(root, name, expected)]
    _same_classes(root, parts, expected)
    found = [{each: _files(root, f"{folder}/{each}") for each in classes} for folder, classes in parts]
    for (folder, _), classes in zip(parts, found, strict=True):
        _right_number(dataset, root, folder, classes, expected)
        if even:
            _equally_many(root, folder, classes)
    files = [[file for each in classes.values() for file in each] for classes in found]
    labels = [np.repeat(np.arange(len(classes)), [len(each) for each in classes.values()]) for classes in found]
    return Tree(_kind(root, name, [*files[0], *files[1]]), files, labels)


def _present(root: Path, name: str) -> None:
    by_hand = f"put {TREE.format(name=name)} there"
    if not (check_root(root) and check_folder(root / name, "the folder", f"remove it, then {by_hand}")):
        where = f"the data folder {root}: {by_hand}, or name the folder that has it in BEYOND_DATA"
        raise DataMissing(spelt(f"{name} is not in {where}."))


def _parts(root: Path, name: str, expected: str) -> list[str]:
    """The folders of the training and of the test part."""
    top, folders = _deeper(root, name, until=PARTS)
    if not any(each.lower() in PARTS for each in folders):
        here = f"holds no folder train, only {_some(folders)}" if folders else "is empty"
        _refuse(root, name, f"{here}: {expected}; put them there, or remove it")
    found: dict[str, str] = {}
    for each in folders:
        part = PARTS.get(each.lower())
        if part is None:
            _refuse(root, top, f"holds {each} beside train and test, where it would not be read: move it away")
        if part in found:
            both = f"holds both {found[part]} and {each}, but a tree has one {part} part: move one of them away"
            _refuse(root, top, f"{both} (a validation split is held out of train anyway)")
        found[part] = each
    if missing := [part for part in ("train", "test") if part not in found]:
        _refuse(root, top, f"holds no folder {missing[0]}: {expected}")
    return [f"{top}/{found[part]}" for part in ("train", "test")]


def _deeper(root: Path, folder: str, until: Collection[str] = ()) -> tuple[str, list[str]]:
    """The folder and the folders in it, below any folder that an archive brought of its own."""
    folders = _folders(root, folder)
    for _ in range(DEEPEST):
        if len(folders) != 1 or folders[0].lower() in until:
            break
        below = _folders(root, f"{folder}/{folders[0]}", strict=False)
        if not below:
            break
        folder, folders = f"{folder}/{folders[0]}", below
    return folder, folders


def _same_classes(root: Path, parts: list[tuple[str, list[str]]], expected: str) -> None:
    for (here, classes), (there, others) in (parts, parts[::-1]):
        if odd := [each for each in classes if each not in others]:
            what = f"class {odd[0]}" if len(odd) == 1 else f"classes {_some(odd)}"
            _refuse(root, here, f"holds {what}, but {there} does not: {expected}")


def _right_number(dataset: Dataset, root: Path, folder: str, classes: dict[str, list[str]], expected: str) -> None:
    """Refuse a number of class folders that is not the data set's, and name the likeliest reason."""
    if len(classes) == dataset.classes:
        return
    hint = _some(list(classes)) or "none at all"
    if len(classes) > dataset.classes:
        smallest = min(classes, key=lambda each: len(classes[each]))
        hint = f"the smallest is {smallest} with {len(classes[smallest])} pictures"
    _refuse(root, folder, f"holds {len(classes)} class folders ({hint}): {expected}")


def _equally_many(root: Path, folder: str, classes: dict[str, list[str]]) -> None:
    fewest, most = (choose(classes, key=lambda each: len(classes[each])) for choose in (min, max))
    few, many = len(classes[fewest]), len(classes[most])
    if few != many:
        odd = f"holds {few} pictures of {fewest} and {many} of {most}, but classes have equally many"
        _refuse(root, folder, f"{odd}: unpack the data set there again")


def _files(root: Path, folder: str) -> list[str]:
    """The pictures of a class, sorted; of a folder in it, should all stand there."""
    folders, files = _visible(root, folder)
    pictures = _pictures(root, folder, files)
    if len(folders) == 1 and not pictures:
        folder = f"{folder}/{folders[0]}"
        folders, files = _visible(root, folder)
        pictures = _pictures(root, folder, files)
    if folders:
        _refuse(
            root,
            folder,
            f"holds the folder {folders[0]}, where it would not be read: pictures of a class stand "
            "side by side, so move it away",
        )
    if not pictures:
        _refuse(
            root,
            folder,
            "holds no .jpg or .png pictures: unpack the data set there again, or remove this folder if it is no class",
        )
    return [f"{folder}/{each}" for each in pictures]


def _folders(root: Path, folder: str, strict: bool = True) -> list[str]:
    """The folders in a folder that shall hold nothing else; pictures there would be left out."""
    folders, files = _visible(root, folder)
    pictures = _pictures(root, folder, files)
    if pictures and (strict or folders):
        _refuse(root, f"{folder}/{pictures[0]}", "stands in no class's folder: move it into one")
    return folders


def _pictures(root: Path, folder: str, files: list[str]) -> list[str]:
    """Those of the files that are JPEG or PNG pictures by their names; other pictures are refused."""
    found = []
    for each in files:
        suffix = os.path.splitext(each)[1].lower()
        if suffix in KINDS:
            found.append(each)
        elif suffix in OTHERS:
            _refuse(root, f"{folder}/{each}", "is neither a JPEG nor a PNG file: convert all to PNG, or move it away")
        elif kind := _looks_like(root / folder / each):
            _refuse(root, f"{folder}/{each}", f"is a {kind} picture, though its name does not say so: rename it")
    return found


def _looks_like(path: Path) -> str:
    """The kind of picture that a file begins like; empty for a text or table."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return ""
    return next((kind for signature, kind in SIGNATURES.items() if start.startswith(signature)), "")


def _kind(root: Path, name: str, files: list[str]) -> str:
    """The one kind of all files: JPEG loses a little and PNG nothing, so a mixture is neither."""
    first = {KINDS[os.path.splitext(file)[1].lower()]: file for file in reversed(files)}
    if len(first) > 1:
        both = f"holds JPEG files ({first['jpeg']}) and PNG files ({first['png']})"
        _refuse(root, name, f"{both}, but a tree is of one kind, as its source is named after it: keep one")
    return next(iter(first))


def _visible(root: Path, folder: str) -> tuple[list[str], list[str]]:
    """Names of the folders and of the files in a folder, each in the order of their bytes."""
    try:
        with os.scandir(root / folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        _refuse(root, folder, f"cannot be opened ({error.strerror}): see to it that it can")
    named: dict[str, list[str]] = {"folder": [], "file": []}
    for entry in entries:
        if entry.name.startswith(".") or entry.name in JUNK:
            continue
        if not (sort := _sort_of(entry)):
            what = "is a link that leads nowhere" if entry.is_symlink() else "is neither a file nor a folder"
            _refuse(root, f"{folder}/{entry.name}", f"{what}: mend it, or remove it")
        named[sort].append(entry.name)
    return named["folder"], named["file"]


def _sort_of(entry: os.DirEntry[str]) -> str:
    """What it is or links to; empty for a link to nothing or to itself, for pipes and devices."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:
        return ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _refuse(root: Path, place: str, reason: str) -> NoReturn:
    raise DataMissing(spelt(f"{place} in {root} {reason}."))
