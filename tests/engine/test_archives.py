"""CIFAR's own archives and the network: preferred, checked, whole or not at all."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from picture_files import no_network, rejected, tree
from torchvision.datasets import CIFAR10

from benchmark.engine.load import load_dataset
from benchmark.engine.pictures.archives import load_cifar
from benchmark.engine.pictures.network import download
from benchmark.errors import DataMissing

__all__ = ["no_network", "tree"]


class TinyCIFAR10(CIFAR10):
    """CIFAR-10's own format with four training pictures and two test pictures."""

    base_folder = "tiny-batches"


def write_batches(root: Path) -> Path:
    folder = root / TinyCIFAR10.base_folder
    folder.mkdir(parents=True)

    def dump(name: str, content: dict[str, object]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    data = np.random.RandomState(0).randint(0, 256, (6, 3072)).astype(np.uint8)
    TinyCIFAR10.train_list = [dump("data_batch_1", {"data": data[:4], "labels": [3, 1, 2, 0]})]
    TinyCIFAR10.test_list = [dump("test_batch", {"data": data[4:], "labels": [9, 8]})]
    name, md5 = dump("batches.meta", {"label_names": [str(label) for label in range(10)]})
    TinyCIFAR10.meta = {"filename": name, "key": "label_names", "md5": md5}
    return folder


def test_original_batches_are_preferred_to_a_tree(tree: Path):
    write_batches(tree)
    train, test, source = load_cifar(load_dataset("cifar10"), tree, "cifar10", TinyCIFAR10)
    assert source == "cifar10"
    assert (train.labels.tolist(), test.labels.tolist()) == ([3, 1, 2, 0], [9, 8])
    data = np.random.RandomState(0).randint(0, 256, (6, 3072)).astype(np.uint8)
    assert np.array_equal(train.images.numpy().reshape(4, -1), data[:4])


@pytest.mark.parametrize("file", ["data_batch_1", "test_batch", "batches.meta"])
def test_damaged_batch_is_named(tmp_path: Path, file: str):
    damaged = write_batches(tmp_path) / file
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(DataMissing, match=f"^tiny-batches/{file} in .* is missing or damaged"):
        load_cifar(load_dataset("cifar10"), tmp_path, "cifar10", TinyCIFAR10)


def test_download_moves_a_whole_folder_into_place(tmp_path: Path):
    def fetch(scratch: Path) -> None:
        (scratch / "pictures").mkdir()
        (scratch / "pictures" / "a").write_text("whole")
        (scratch / "pictures.tar.gz").write_text("archive")

    download(fetch, tmp_path / "new" / "data", "pictures", "get it")
    assert [str(each.relative_to(tmp_path)) for each in sorted(tmp_path.rglob("*"))] == [
        "new",
        "new/data",
        "new/data/pictures",
        "new/data/pictures/a",
    ]


@pytest.mark.parametrize("error", [TimeoutError("timed out"), RuntimeError("File not found or corrupted.")])
def test_failed_download_leaves_nothing(tmp_path: Path, error: Exception):
    def fetch(scratch: Path) -> None:
        (scratch / "half.tar.gz").write_text("half")
        raise error

    with pytest.raises(DataMissing, match=r"could not be downloaded \((timed out|File not found or corrupted)\)"):
        download(fetch, tmp_path / "data", "pictures", "get it")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_network")
def test_a_data_folder_that_is_not_there_is_said(tmp_path: Path):
    assert "as there is no data folder" in rejected(tmp_path / "gone")
