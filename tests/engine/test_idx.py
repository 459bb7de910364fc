"""The idx files of the MNIST family: read, or refused in one sentence that names the file."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from picture_files import no_network, rejected

from benchmark.engine.load import load_dataset
from benchmark.engine.pictures import idx
from benchmark.errors import DataMissing

__all__ = ["no_network"]


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """A Fashion-MNIST of twenty training pictures and ten test pictures."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for part, n in (("train", 20), ("t10k", 10)):
        images = np.random.RandomState(n).randint(0, 256, (n, 28, 28)).astype(np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", (np.arange(n) % 10).astype(np.uint8))
    return tmp_path


def write_idx(file: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    file.write_bytes(gzip.compress(header + values.tobytes()))


def test_fashion_mnist_from_idx_files(fashion: Path):
    train, test, source = load_dataset("fashion_mnist").load(fashion)
    assert source == "fashion_mnist"
    assert (train.images.shape, test.images.shape) == ((20, 1, 28, 28), (10, 1, 28, 28))
    assert np.array_equal(train.images[:, 0], np.random.RandomState(20).randint(0, 256, (20, 28, 28)))
    assert test.labels.tolist() == list(range(10))
    train.images[0] = 0  # would fail on memory that belongs to the file


def test_mnist_from_the_same_kind_of_files(fashion: Path):
    (fashion / "FashionMNIST").rename(fashion / "MNIST")
    train, test, source = load_dataset("mnist").load(fashion)
    assert (source, len(train), len(test)) == ("mnist", 20, 10)
    (fashion / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz").unlink()
    assert "t10k-images-idx3-ubyte.gz is missing" in rejected(fashion, "mnist")


@pytest.mark.parametrize("keep", [0, 100, -3])
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_damaged_idx_is_named(fashion: Path, file: str, keep: int):
    path = fashion / "FashionMNIST/raw" / file
    path.write_bytes(path.read_bytes()[: min(keep, 20) if keep > 0 else keep])
    assert rejected(fashion, "fashion_mnist").startswith(f"{file} in ")
    assert "damaged" in rejected(fashion, "fashion_mnist")


def test_missing_idx_is_named(fashion: Path):
    (fashion / "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz").unlink()
    assert "t10k-labels-idx1-ubyte.gz is missing" in rejected(fashion, "fashion_mnist")


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("train-images-idx3-ubyte.gz", np.zeros((20, 27, 28), np.uint8)),
        ("train-images-idx3-ubyte.gz", np.zeros((19, 28, 28), np.uint8)),
        ("train-labels-idx1-ubyte.gz", np.full(20, 10, np.uint8)),
    ],
)
def test_idx_of_another_shape_is_refused(fashion: Path, file: str, values: np.ndarray):
    write_idx(fashion / "FashionMNIST/raw" / file, values)
    assert "were expected" in rejected(fashion, "fashion_mnist")


@pytest.mark.usefixtures("no_network")
def test_fashion_mnist_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = load_dataset("fashion_mnist")
    monkeypatch.setitem(type(dataset).load.__globals__, "DEBIAN", tmp_path / "gone")  # type: ignore[attr-defined]
    with pytest.raises(DataMissing, match="install the Debian package"):
        dataset.load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_unpacks_to_far_too_much_is_damaged(fashion: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(idx, "MOST", 100_000)
    bomb = gzip.compress(bytes(1_000_000))
    (fashion / "FashionMNIST/raw/train-labels-idx1-ubyte.gz").write_bytes(bomb)
    assert "train-labels-idx1-ubyte.gz in" in rejected(fashion, "fashion_mnist")


@pytest.mark.parametrize("what", ["folder", "pipe", "link"])
def test_something_else_in_a_files_place_is_named(fashion: Path, what: str):
    file = fashion / "FashionMNIST/raw/train-labels-idx1-ubyte.gz"
    file.unlink()
    {"folder": file.mkdir, "pipe": lambda: os.mkfifo(file), "link": lambda: file.symlink_to("gone")}[what]()
    assert rejected(fashion, "fashion_mnist").startswith("train-labels-idx1-ubyte.gz")
