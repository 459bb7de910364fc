"""Tiny ImageNet: grey pictures are pictures too, a subset says how large it is, and what is missing is said."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from picture_files import rejected
from PIL import Image

from benchmark.engine.load import load_dataset

NAME = "tiny-imagenet-200"
CLASSES = [f"n{label:08d}" for label in range(200)]


def flat(label: int, number: int) -> tuple[int, int, int]:
    return label, number * 40, 90


def write(root: Path, per_class: int) -> Path:
    """Flat pictures as the archive lays them out; the first of each class's training part is a grey JPEG."""
    for part, count in (("train", per_class), ("val", 1)):
        for label, name in enumerate(CLASSES):
            folder = root / NAME / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                picture = Image.new("RGB", (64, 64), flat(label, number))
                if part == "train" and number == 0:
                    picture = Image.new("L", (64, 64), label)
                picture.save(folder / f"{name}_{number}.JPEG", quality=100)
    (root / NAME / "wnids.txt").write_text("\n".join(reversed(CLASSES)))
    return root


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two training pictures and one test picture a class; not to be changed."""
    return write(tmp_path_factory.mktemp("data"), per_class=2)


@pytest.fixture
def tree(written: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    shutil.copytree(written / NAME, tmp_path / NAME)
    return tmp_path


def test_all_classes_are_read_grey_pictures_with_them(written: Path):
    train, test, source = load_dataset("tiny_imagenet").load(written)
    assert source == "tiny_imagenet-2"
    assert (train.images.shape, test.images.shape) == ((400, 3, 64, 64), (200, 3, 64, 64))
    assert train.labels.tolist() == [label for label in range(200) for _ in range(2)]
    corners = train.images[:, :, 0, 0].numpy().astype(int)
    grey = np.arange(200)[:, None].repeat(3, 1)
    assert np.array_equal(corners[::2], grey)
    assert np.abs(corners[1::2] - [flat(label, 1) for label in range(200)]).max() <= 2  # what JPEG loses


def test_the_whole_data_set_is_named_without_a_number(written: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = load_dataset("tiny_imagenet")
    monkeypatch.setitem(type(dataset).load.__globals__, "PER_CLASS", 2)
    assert dataset.load(written)[2] == "tiny_imagenet"


def test_a_data_folder_without_it_is_said(tmp_path: Path):
    sentence = rejected(tmp_path, "tiny_imagenet")
    assert sentence.startswith(f"{NAME} is not in the data folder")
    assert f"put {NAME}/train/CLASS/*.jpg" in sentence


def lose_a_picture(root: Path) -> None:
    (root / NAME / "train" / CLASSES[7] / f"{CLASSES[7]}_1.JPEG").unlink()


def lose_a_class(root: Path) -> None:
    for part in ("train", "val"):
        shutil.rmtree(root / NAME / part / CLASSES[7])


def unsorted(root: Path) -> None:
    """The validation part as Stanford's archive has it."""
    for folder in list((root / NAME / "val").iterdir()):
        for file in folder.iterdir():
            (root / NAME / "val" / "images").mkdir(exist_ok=True)
            file.rename(root / NAME / "val" / "images" / file.name)
        folder.rmdir()


def another_size(root: Path) -> None:
    Image.new("RGB", (32, 32)).save(root / NAME / "val" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG")


ODD = {
    "a picture too few": (lose_a_picture, "holds 1 pictures of n00000007 and 2 of n00000000"),
    "a class too few": (lose_a_class, "holds 199 class folders"),
    "an unsorted part": (unsorted, f"but {NAME}/val does not: expected"),
    "another size": (another_size, "is 32x32, but pictures of this data set are 64x64"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_named_in_one_sentence(tree: Path, odd: str):
    change, named = ODD[odd]
    change(tree)
    assert named in rejected(tree, "tiny_imagenet")
