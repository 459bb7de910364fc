"""The idx files of the MNIST family."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from benchmark.engine.pictures.data import Dataset, Pictures, as_pictures
from benchmark.errors import DataMissing

MOST = 2**30  # bytes in a file of the family, unpacked; more is a decompression bomb


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
        if file.exists() and not file.is_file():  # a pipe would never end
            raise OSError
        with gzip.open(file) as packed:
            content = packed.read(MOST + 1)
        if len(content) > MOST:
            raise ValueError
        sizes = np.frombuffer(content, ">u4", count=content[3], offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes)
    except FileNotFoundError as error:
        raise DataMissing(f"{file.name} is missing from {file.parent}: {how}.") from error
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise DataMissing(f"{file.name} in {file.parent} is damaged: {how}.") from error
