"""SVHN and STL-10 from the files that torchvision reads, with their labels as everybody has them."""

import hashlib

import numpy as np
import pytest
from picture_files import no_network, rejected
from scipy.io import savemat
from torchvision.datasets import STL10, SVHN

from benchmark.engine.load import load_dataset

__all__ = ["no_network"]


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def pixels():
    return np.random.RandomState(0).randint(0, 256, (4, 3, 32, 32)).astype(np.uint8)


@pytest.fixture
def svhn(tmp_path, monkeypatch, pixels):
    folder, said = tmp_path / "svhn", {}
    folder.mkdir()
    for part, labels in (("train", [10, 1, 9, 2]), ("test", [3, 10, 4, 5])):
        name = f"{part}_32x32.mat"
        savemat(folder / name, {"X": pixels.transpose(2, 3, 1, 0), "y": np.array(labels, np.uint8)[:, None]})
        said[part] = ["", name, md5(folder / name)]
    monkeypatch.setattr(SVHN, "split_list", said)
    return tmp_path


def test_svhn_numbers_its_noughts_ten(svhn, pixels):
    train, test, source = load_dataset("svhn").load(svhn)
    assert train.labels.tolist() == [0, 1, 9, 2]
    assert test.labels.tolist() == [3, 0, 4, 5]
    assert np.array_equal(train.images.numpy(), pixels)
    assert source == "svhn"


def test_stl10_is_of_96_pixels(tmp_path, monkeypatch):
    folder = tmp_path / STL10.base_folder
    folder.mkdir()
    columns = np.random.RandomState(0).randint(0, 256, (2, 3, 96, 96)).astype(np.uint8)  # stored column by column
    names = ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"]
    for name in names:
        content = columns if "X" in name else np.array([10, 1], np.uint8)
        content.tofile(folder / name)
    (folder / "class_names.txt").write_text("\n".join("abcdefghij"))
    listed = [[name, md5(folder / name)] for name in names]
    monkeypatch.setattr(STL10, "train_list", listed[:2])
    monkeypatch.setattr(STL10, "test_list", listed[2:])
    train, _, _ = load_dataset("stl10").load(tmp_path)
    assert train.labels.tolist() == [9, 0]
    assert np.array_equal(train.images.numpy(), columns.transpose(0, 1, 3, 2))


def test_what_is_missing_or_damaged_is_one_sentence(svhn, no_network):
    assert "stl10_binary is not in the data folder" in rejected(svhn, "stl10")
    (svhn / "svhn" / "test_32x32.mat").write_bytes(b"half")
    assert "lacks a file, or one is damaged" in rejected(svhn, "svhn")
