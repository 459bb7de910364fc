"""Where pictures come from: torchvision's archives, trees of JPEG files, idx files.

Files that are already there are always tried before the network. Every way in which they can be missing or
damaged ends in one `DataMissing` sentence, with file names relative to the data folder.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import socket
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import chain
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import check_integrity

from benchmark.engine.pictures.data import Dataset, Pictures
from benchmark.errors import DataMissing

NETWORK_TIMEOUT = 10.0  # seconds of silence
TREE = "{name}/train/CLASS/*.jpg and {name}/test/CLASS/*.jpg"


def load_cifar(dataset: Dataset, root: Path, name: str, original: type[CIFAR10]) -> tuple[Pictures, Pictures, str]:
    """CIFAR from its original batches, else from a tree of JPEG files, else from the network.

    Raises `DataMissing`. The source is `name` for the original bytes, `name`-jpeg for a tree: JPEG loses a
    little, so the two are different data sets to whoever compares numbers.
    """
    if not (root / original.base_folder).is_dir():
        if (root / name).is_dir():
            return *load_tree(dataset, root, name), f"{name}-jpeg"
        by_hand = f"unpack {original.url} there, or put {TREE.format(name=name)} there"
        download(lambda folder: original(folder, download=True), root, original.base_folder, by_hand)
    return *_read_batches(root, original), name


def _read_batches(root: Path, original: type[CIFAR10]) -> tuple[Pictures, Pictures]:
    try:
        parts = [original(root, train=train) for train in (True, False)]
    except RuntimeError as error:  # torchvision checks every file's MD5 before it reads
        folder = original.base_folder
        files = [*original.train_list, *original.test_list, [original.meta["filename"], original.meta["md5"]]]
        bad = next(file for file, md5 in files if not check_integrity(root / folder / file, md5))
        raise DataMissing(
            f"{folder}/{bad} in {root} is missing or damaged: delete {folder} to have it downloaded again, "
            f"or unpack {original.url} there."
        ) from error
    train, test = (as_pictures(part.data, part.targets) for part in parts)
    return train, test


def as_pictures(images: np.ndarray, labels: np.ndarray | list[int]) -> Pictures:
    """Pictures from arrays (N, H, W) or (N, H, W, C) of uint8 and labels (N,)."""
    channels_first = images.reshape(*images.shape[:3], -1).transpose(0, 3, 1, 2).copy()
    return Pictures(torch.from_numpy(channels_first), torch.tensor(labels, dtype=torch.int64))


# --- the network ------------------------------------------------------------------------------------------


def download(fetch: Callable[[Path], object], root: Path, folder: str, by_hand: str) -> None:
    """Let `fetch(scratch)` make `folder` in a scratch folder, then move it whole into `root`.

    Raises `DataMissing` when it fails, and then leaves nothing behind.
    """
    nearest = next(place for place in (root, *root.parents) if place.is_dir())
    try:
        with tempfile.TemporaryDirectory(dir=nearest, prefix=".download-") as scratch:
            with _short_timeout(), redirect_stdout(None):
                fetch(Path(scratch))
            root.mkdir(parents=True, exist_ok=True)
            os.replace(Path(scratch) / folder, root / folder)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DataMissing(
            f"{folder} is not in the data folder {root} and could not be downloaded ({reason}): {by_hand}, "
            "or name the folder that has it in BEYOND_DATA."
        ) from error


@contextmanager
def _short_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


# --- trees of JPEG files ----------------------------------------------------------------------------------


def load_tree(dataset: Dataset, root: Path, name: str) -> tuple[Pictures, Pictures]:
    """The pictures of root/name/{train,test}/CLASS/*.jpg; classes are numbered in the order of their names.

    The decoded pictures are kept in root/.decoded-NAME.npz and taken from there while no file of the tree has
    changed. Raises `DataMissing`.
    """
    classes = _classes(dataset, root, name)
    parts = [[_files(root, f"{name}/{part}/{each}") for each in classes] for part in ("train", "test")]
    listings = [list(chain.from_iterable(part)) for part in parts]
    labels = [np.repeat(np.arange(len(classes)), [len(files) for files in part]) for part in parts]
    key, cache = _tree_key(dataset, root, listings), root / f".decoded-{name}.npz"
    images = _read_cache(cache, key)
    if images is None:
        images = [_decode(dataset, root, files) for files in listings]
        _write_cache(cache, key, images)
    train, test = map(as_pictures, images, labels)
    return train, test


def _classes(dataset: Dataset, root: Path, name: str) -> list[str]:
    found = {part: _folders(root / name / part) for part in ("train", "test")}
    expected = f"expected {TREE.format(name=name)} for {dataset.classes} classes"
    if not any(found.values()):
        raise DataMissing(f"{name} in {root} is empty: {expected}; remove it to have {name} downloaded.")
    for part, classes in found.items():
        if len(classes) != dataset.classes:
            raise DataMissing(f"{name}/{part} in {root} holds {len(classes)} class folders: {expected}.")
    if found["train"] != found["test"]:
        odd = sorted(set(found["train"]) ^ set(found["test"]))[0]
        raise DataMissing(f"class {odd} is in only one of {name}/train and {name}/test in {root}: {expected}.")
    return found["train"]


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _files(root: Path, folder: str) -> list[str]:
    names = sorted(each for each in os.listdir(root / folder) if each.lower().endswith((".jpg", ".jpeg")))
    names = [each for each in names if not each.startswith(".")]
    if not names:
        raise DataMissing(f"{folder} in {root} holds no .jpg pictures: unpack the data set there again.")
    return [f"{folder}/{each}" for each in names]


def _decode(dataset: Dataset, root: Path, files: list[str]) -> np.ndarray:
    """(N, size, size, C) uint8."""
    size = dataset.image_size
    decoded = np.empty((len(files), size, size, dataset.channels), np.uint8)
    for row, file in zip(decoded, files, strict=True):
        picture = _open(root, file).convert("RGB" if dataset.channels == 3 else "L")
        if picture.size != (size, size):
            raise DataMissing(
                f"{file} in {root} is {picture.width}x{picture.height}, but pictures of this data set are "
                f"{size}x{size}: unpack the data set there again, without resizing."
            )
        row[...] = np.asarray(picture).reshape(row.shape)
    return decoded


def _open(root: Path, file: str) -> Image.Image:
    try:
        with Image.open(root / file) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        raise DataMissing(f"{file} in {root} is damaged or unreadable: unpack the data set there again.") from error


def _tree_key(dataset: Dataset, root: Path, listings: list[list[str]]) -> str:
    """A digest of all that decides the decoded bytes: names, sizes and times of the files, shape, decoder."""
    digest = hashlib.sha256(f"{dataset.image_size} {dataset.channels} {PIL.__version__}".encode())
    for file in chain.from_iterable(listings):
        status = os.stat(os.path.join(root, file))
        digest.update(f"\n{file} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _read_cache(cache: Path, key: str) -> list[np.ndarray] | None:
    """The decoded arrays, or None when they are absent, stale or damaged (npz checks a CRC of each array)."""
    try:
        with np.load(cache, allow_pickle=False) as stored:
            return [stored["train"], stored["test"]] if str(stored["key"]) == key else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write_cache(cache: Path, key: str, arrays: list[np.ndarray]) -> None:
    """Write to a temporary name, then rename; a read-only data folder only costs decoding anew."""
    with suppress(OSError), tempfile.TemporaryDirectory(dir=cache.parent, prefix=".decoding-") as scratch:
        np.savez(Path(scratch) / "new.npz", key=np.array(key), train=arrays[0], test=arrays[1])
        os.replace(Path(scratch) / "new.npz", cache)


# --- idx files (the MNIST family) -------------------------------------------------------------------------


def load_idx(dataset: Dataset, folder: Path, how: str) -> tuple[Pictures, Pictures]:
    """The four idx.gz files of the MNIST family in `folder`.

    Raises `DataMissing` that names the file and ends in `how`, which says how to get it.
    """
    train, test = (_load_idx_part(dataset, folder, part, how) for part in ("train", "t10k"))
    return train, test


def _load_idx_part(dataset: Dataset, folder: Path, part: str, how: str) -> Pictures:
    images = _read_idx(folder / f"{part}-images-idx3-ubyte.gz", how)
    labels = _read_idx(folder / f"{part}-labels-idx1-ubyte.gz", how)
    expected = (len(labels), dataset.image_size, dataset.image_size)
    if images.shape != expected or labels.ndim != 1 or set(labels.flat) != set(range(dataset.classes)):
        raise DataMissing(
            f"the {part} files in {folder} hold pictures {images.shape} and labels {labels.shape}, but "
            f"{expected} and {dataset.classes} classes were expected: {how}."
        )
    return as_pictures(images, labels)


def _read_idx(file: Path, how: str) -> np.ndarray:
    """One idx file: two zero bytes, type 8 (uint8), number of dimensions, big-endian sizes, values."""
    try:
        content = gzip.decompress(file.read_bytes())
        sizes = np.frombuffer(content, ">u4", count=content[3], offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes)
    except FileNotFoundError as error:
        raise DataMissing(f"{file.name} is missing from {file.parent}: {how}.") from error
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise DataMissing(f"{file.name} in {file.parent} is damaged: {how}.") from error
