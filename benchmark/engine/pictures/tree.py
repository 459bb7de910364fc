"""Trees of JPEG or PNG files, decoded once and kept."""

from __future__ import annotations

import hashlib
import os
import warnings
from itertools import chain
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from benchmark.engine.pictures.data import Dataset, Pictures, as_pictures
from benchmark.engine.pictures.decoded import read_decoded, write_decoded
from benchmark.engine.pictures.picture_file import read_picture
from benchmark.engine.pictures.places import spelt
from benchmark.engine.pictures.tree_layout import find_tree
from benchmark.errors import DataMissing


def load_tree(dataset: Dataset, root: Path, name: str, *, even: bool = False) -> tuple[Pictures, Pictures, str]:
    """The pictures of the tree root/name, and "jpeg" or "png"; classes are numbered in the order of their names.

    The decoded pictures are kept in root/.decoded-NAME.npz and taken from there while no file of the tree has
    changed. `even`: the classes of a part have equally many pictures, or some are missing. Raises `DataMissing`.
    """
    tree = find_tree(dataset, root, name, even)
    key, cache = _key(dataset, root, tree.files), root / f".decoded-{name}.npz"
    side, channels = dataset.image_size, dataset.channels
    images = read_decoded(cache, key, [(len(files), side, side, channels) for files in tree.files])
    if images is None:
        images = [_decode(dataset, root, files, tree.kind) for files in tree.files]
        if key == _key(dataset, root, tree.files):  # no file was changed meanwhile
            write_decoded(cache, key, images)
    train, test = map(as_pictures, images, tree.labels)
    return train, test, tree.kind


def _decode(dataset: Dataset, root: Path, files: list[str], kind: str) -> np.ndarray:
    """(N, size, size, C) uint8."""
    size = dataset.image_size
    decoded = np.empty((len(files), size, size, dataset.channels), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are compared before pixels are read
        for row, file in zip(decoded, files, strict=True):
            row[...] = read_picture(root, file, kind, size, dataset.channels).reshape(row.shape)
    return decoded


def _key(dataset: Dataset, root: Path, listings: list[list[str]]) -> str:
    """A digest of all that decides the decoded bytes: names, sizes and times of the files, shape, decoder."""
    digest = hashlib.sha256(f"{dataset.image_size} {dataset.channels} {PIL.__version__}".encode())
    for file in chain.from_iterable(listings):
        try:
            status = os.stat(os.path.join(root, file))
        except OSError as error:
            raise DataMissing(spelt(f"{file} in {root} went away while it was read ({error.strerror}).")) from error
        digest.update(b"\n%s %d %d" % (os.fsencode(file), status.st_size, status.st_mtime_ns))
    return digest.hexdigest()
