"""Pictures: the split is fixed and fair, batches repeat to the bit, crops are legal, bad files say so."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import pickle
import re
import struct
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from torchvision.datasets import CIFAR10

from benchmark.engine.pictures import sources
from benchmark.engine.pictures.data import (
    Dataset,
    Loader,
    Pictures,
    data_root,
    fingerprint,
    load_splits,
    stratified_order,
)
from benchmark.errors import DataMissing, UserError

FOLDER = ROOT / "datasets"
PLUGINS = sorted(file.stem for file in FOLDER.glob("*.py"))
torch.set_num_threads(1)


def plugin(name: str) -> Dataset:
    spec = importlib.util.spec_from_file_location(f"plugin_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (found,) = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == spec.name]
    return found()


class Colours(Dataset):
    title, url = "Colours", "https://example.org"
    classes, image_size, channels = 4, 6, 3
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)
    pad = 2

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        return noise(203, seed=1), noise(41, seed=2), "noise"


class OnBlack(Colours):
    padding = "constant"
    flip = False


def noise(n: int, seed: int) -> Pictures:
    draw = np.random.RandomState(seed)
    images = torch.from_numpy(draw.randint(1, 256, (n, 3, 6, 6)).astype(np.uint8))
    return Pictures(images, torch.from_numpy(draw.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])))


def loader(dataset: Dataset | None = None, n: int = 50, batch_size: int = 8, **options) -> Loader:
    return Loader(noise(n, seed=3), dataset or Colours(), batch_size, **{"train": True, **options})


def raw(batches: Loader, epoch: int = 0) -> torch.Tensor:
    return torch.cat([batch.raw for batch in batches.epoch(epoch)])


# --- the split --------------------------------------------------------------------------------------------


def test_split_is_disjoint_complete_and_stratified():
    splits, whole = load_splits(Colours(), Path(), 0.2), noise(203, seed=1)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (162, 41, 41)
    parts = torch.cat([splits.train.images, splits.validation.images]).flatten(1)
    assert {bytes(row) for row in parts.numpy()} == {bytes(row) for row in whole.images.flatten(1).numpy()}
    share = splits.validation.labels.bincount(minlength=4) - 0.2 * whole.labels.bincount(minlength=4)
    assert share.abs().max() <= 1


def test_split_is_fixed_and_ignores_global_generators():
    first = load_splits(Colours(), Path(), 0.2)
    torch.manual_seed(7)
    np.random.seed(7)
    again = load_splits(Colours(), Path(), 0.2)
    assert torch.equal(first.validation.images, again.validation.images)
    order = stratified_order(torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]))
    assert order.tolist() == stratified_order(torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])).tolist()
    assert sorted(order.tolist()) == list(range(8))


def test_every_stretch_of_the_order_is_stratified():
    labels = torch.arange(4).repeat_interleave(25)[torch.randperm(100)]
    for stretch in labels[stratified_order(labels)].split(20):
        assert stretch.bincount(minlength=4).tolist() == [5, 5, 5, 5]


def test_limit_keeps_a_stratified_part_of_each_split_and_the_fingerprint():
    whole, part = load_splits(Colours(), Path(), 0.2), load_splits(Colours(), Path(), 0.2, limit=20)
    assert (len(part.train), len(part.validation), len(part.test)) == (20, 20, 20)
    assert part.fingerprint == whole.fingerprint
    kept = {bytes(row) for row in whole.train.images.flatten(1).numpy()}
    assert all(bytes(row) in kept for row in part.train.images.flatten(1).numpy())
    assert len(part.train.labels.unique()) == 4


def test_no_validation_is_an_empty_split_with_no_batches():
    splits = load_splits(Colours(), Path(), 0.0)
    assert (len(splits.train), len(splits.validation)) == (203, 0)
    assert list(Loader(splits.validation, Colours(), 8, train=False).epoch(0)) == []


@pytest.mark.parametrize(("validation", "limit"), [(1.0, None), (-0.1, None), (float("nan"), None), (0.1, 0)])
def test_bad_split_settings_are_one_sentence(validation: float, limit: int | None):
    with pytest.raises(UserError, match="must be"):
        load_splits(Colours(), Path(), validation, limit)


def test_fingerprint_follows_every_pixel_and_label():
    train, test = noise(20, seed=1), noise(10, seed=2)
    before = fingerprint(train, test)
    assert re.fullmatch("[0-9a-f]{16}", before)
    test.images[-1, -1, -1, -1] ^= 1
    assert fingerprint(train, test) != before
    test.images[-1, -1, -1, -1] ^= 1
    assert fingerprint(train, test) == before
    train.labels[0] ^= 1
    assert fingerprint(train, test) != before


# --- batches ----------------------------------------------------------------------------------------------


def test_same_seed_same_bits_whatever_the_global_generator():
    torch.manual_seed(0)
    first = [(batch.x, batch.y) for batch in loader(seed=5).epoch(3)]
    torch.manual_seed(1)
    second = []
    for batch in loader(seed=5).epoch(3):
        torch.rand(3)
        second.append((batch.x, batch.y))
    assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(first, second, strict=True))


def test_loading_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    raw(loader(views=2))
    assert torch.equal(before, torch.get_rng_state())


def test_epochs_and_seeds_differ_and_do_not_depend_on_what_ran_before():
    batches = loader(seed=1)
    zero, one = raw(batches, 0), raw(batches, 1)
    assert not torch.equal(zero, one)
    assert not torch.equal(zero, raw(loader(seed=2), 0))
    assert torch.equal(one, raw(loader(seed=1), 1))


def test_batch_size_does_not_change_the_augmented_pictures():
    assert torch.equal(raw(loader(n=48, batch_size=8)), raw(loader(n=48, batch_size=12)))


def reference(image: np.ndarray, dataset: Dataset, top: int, left: int, flip: bool) -> np.ndarray:
    """Pad, crop and mirror one picture (C, H, H) the slow way."""
    border = ((0, 0), (dataset.pad, dataset.pad), (dataset.pad, dataset.pad))
    size = dataset.image_size
    window = np.pad(image, border, mode=dataset.padding)[:, top : top + size, left : left + size]
    return window[:, :, ::-1] if flip else window


@pytest.mark.parametrize("dataset", [Colours(), OnBlack()])
def test_each_augmented_picture_is_a_legal_crop_of_its_source(dataset: Dataset):
    source, seen = noise(50, seed=3), set()
    batches = list(loader(dataset, n=50, batch_size=50).epoch(0))
    windows = [(top, left, flip) for top in range(5) for left in range(5) for flip in (False, True)[: 1 + dataset.flip]]
    legal = {
        reference(image, dataset, *window).tobytes(): (number, window)
        for number, image in enumerate(source.images.numpy())
        for window in windows
    }
    for picture, label in zip(batches[0].raw, batches[0].y, strict=True):
        number, window = legal[picture.contiguous().numpy().tobytes()]
        assert source.labels[number] == label
        seen.add((number, window))
    assert {number for number, _ in seen} == set(range(50))
    assert {window[2] for _, window in seen} == ({False, True} if dataset.flip else {False})
    assert {window[0] for _, window in seen} == {window[1] for _, window in seen} == set(range(5))


def test_evaluation_is_complete_shuffled_by_the_seed_and_not_augmented():
    source = noise(50, seed=3)
    batches = loader(train=False)
    assert [len(batch) for batch in batches.epoch(0)] == [8] * 6 + [2]
    assert len(batches) == 7
    order = batches.order(0)
    assert order.sort().values.tolist() == list(range(50)) != order.tolist()
    assert torch.equal(raw(batches), source.images[order])
    assert torch.equal(torch.cat([batch.y for batch in batches.epoch(0)]), source.labels[order])
    assert torch.equal(order, loader(train=False).order(0))
    assert not torch.equal(order, loader(train=False, seed=1).order(0))


@pytest.mark.parametrize("train", [True, False])
def test_pictures_are_shown_as_they_are_where_they_are_asked_for(train: bool):
    source, batches = noise(50, seed=3), [torch.tensor([7]), torch.tensor([3, 3, 49])]
    for places, batch in zip(batches, loader(train=train).show(batches), strict=True):
        assert torch.equal(batch.raw, source.images[places])
        assert torch.equal(batch.y, source.labels[places])


def test_training_drops_the_last_incomplete_batch_unless_it_is_the_only_one():
    assert [len(batch) for batch in loader().epoch(0)] == [8] * 6
    assert len(loader()) == 6
    assert [len(batch) for batch in loader(batch_size=64).epoch(0)] == [50]
    assert len(loader(batch_size=64)) == 1


@pytest.mark.parametrize("channels_last", [True, False])
def test_x_is_the_normalised_pixels_in_the_layout_asked_for(channels_last: bool):
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for batch in loader(channels_last=channels_last).epoch(0):
        mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (batch.task.mean, batch.task.std))
        assert (batch.raw.dtype, batch.x.dtype, batch.y.dtype) == (torch.uint8, torch.float32, torch.int64)
        assert batch.x.is_contiguous(memory_format=layout)
        assert 0 <= batch.pixels.min() <= batch.pixels.max() <= 1
        torch.testing.assert_close(batch.x, (batch.pixels - mean) / std, rtol=0, atol=1e-5)
    assert torch.equal(raw(loader(channels_last=True)), raw(loader(channels_last=False)))


def test_two_views_keep_the_first_and_add_another_of_the_same_pictures():
    one, two = list(loader().epoch(0)), list(loader(views=2).epoch(0))
    assert all(batch.view is None for batch in one)
    for single, double in zip(one, two, strict=True):
        assert double.view is not None
        assert torch.equal(single.x, double.x)
        assert torch.equal(double.y, double.view.y)
        assert not torch.equal(double.raw, double.view.raw)
    still = list(loader(OnBlack(), views=2, train=False).epoch(0))
    assert still[0].view is not None
    assert torch.equal(still[0].view.raw, still[0].raw)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"views": 3}])
def test_bad_loader_settings_are_one_sentence(options: dict[str, int]):
    with pytest.raises(UserError, match="batch"):
        loader(**options)


# --- the plugins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLUGINS)
def test_plugin_describes_itself(name: str):
    dataset = plugin(name)
    assert dataset.title
    assert dataset.url.startswith("https://")
    assert len(dataset.mean) == len(dataset.std) == dataset.channels
    assert dataset.pad < dataset.image_size
    assert dataset.task.classes == dataset.classes


def test_digits_are_real_and_their_split_never_moves():
    splits = load_splits(plugin("digits"), Path("nowhere"), 0.1)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (1213, 135, 449)
    assert splits.train.images.shape[1:] == (1, 8, 8)
    assert splits.train.images.max() == 255
    assert (splits.source, splits.fingerprint) == ("digits", "d8a8f7ddb00dddfc")
    pixels = splits.train.images / 255
    assert pixels.mean().item() == pytest.approx(plugin("digits").mean[0], abs=5e-3)
    assert pixels.std().item() == pytest.approx(plugin("digits").std[0], abs=5e-3)


def test_data_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BEYOND_DATA", "elsewhere")
    assert data_root() == Path("elsewhere")
    monkeypatch.delenv("BEYOND_DATA")
    assert data_root() == Path("data")


# --- trees of JPEG files ----------------------------------------------------------------------------------


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", fail)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A CIFAR-10 of three training pictures and one test picture a class, each of its own flat grey."""
    for part, count in (("train", 3), ("test", 1)):
        for label in range(10):
            folder = tmp_path / "cifar10" / part / f"class{label}"
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (32, 32), (20 * label + number,) * 3).save(folder / f"{number}.jpg")
    return tmp_path


def rejected(root: Path, name: str = "cifar10") -> str:
    """The one sentence with which the data set is refused."""
    with pytest.raises(DataMissing) as caught:
        plugin(name).load(root)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_cifar10_from_a_tree(tree: Path):
    train, test, source = plugin("cifar10").load(tree)
    assert source == "cifar10-jpeg"
    assert train.images.shape == (30, 3, 32, 32)
    assert train.images.is_contiguous()
    assert train.labels.tolist() == [label for label in range(10) for _ in range(3)]
    assert test.labels.tolist() == list(range(10))
    assert train.images[:, 0, 0, 0].tolist() == [20 * label + n for label in range(10) for n in range(3)]


def test_decoded_tree_is_reused_until_a_file_changes(tree: Path, monkeypatch: pytest.MonkeyPatch):
    first = fingerprint(*plugin("cifar10").load(tree)[:2])
    with monkeypatch.context() as patch:
        patch.setattr(sources, "_open", lambda *_: pytest.fail("decoded again"))
        assert fingerprint(*plugin("cifar10").load(tree)[:2]) == first
    Image.new("RGB", (32, 32), (255, 0, 0)).save(tree / "cifar10/train/class0/0.jpg")
    assert fingerprint(*plugin("cifar10").load(tree)[:2]) != first


def test_tree_does_not_depend_on_the_order_of_the_file_system(tree: Path, monkeypatch: pytest.MonkeyPatch):
    first = fingerprint(*plugin("cifar10").load(tree)[:2])
    (tree / ".decoded-cifar10.npz").unlink()
    listdir = os.listdir
    monkeypatch.setattr("os.listdir", lambda folder: sorted(listdir(folder), reverse=True))
    assert fingerprint(*plugin("cifar10").load(tree)[:2]) == first


@pytest.mark.parametrize("damage", ["flip", "truncate", "rubbish"])
def test_damaged_decoded_tree_is_ignored_and_mended(tree: Path, damage: str):
    first, cache = fingerprint(*plugin("cifar10").load(tree)[:2]), tree / ".decoded-cifar10.npz"
    whole = cache.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    cache.write_bytes({"flip": flipped, "truncate": whole[:middle], "rubbish": b"rubbish"}[damage])
    assert fingerprint(*plugin("cifar10").load(tree)[:2]) == first
    assert cache.read_bytes() == whole
    assert sorted(each.name for each in tree.iterdir()) == [".decoded-cifar10.npz", "cifar10"]


@pytest.mark.usefixtures("no_network")
def test_folder_missing(tmp_path: Path):
    sentence = rejected(tmp_path / "gone" / "data")
    assert "could not be downloaded" in sentence
    assert "no route to host" in sentence
    assert "https://www.cs.toronto.edu" in sentence
    assert list(tmp_path.iterdir()) == []


def test_folder_empty(tree: Path):
    (tree / "cifar100").mkdir()
    assert "cifar100 in" in rejected(tree, "cifar100")
    assert "is empty" in rejected(tree, "cifar100")


def test_only_train_present(tree: Path):
    (tree / "cifar10/test").rename(tree / "elsewhere")
    assert "cifar10/test" in rejected(tree)
    assert "holds 0 class folders" in rejected(tree)


def test_class_folder_empty(tree: Path):
    (tree / "cifar10/test/class3/0.jpg").unlink()
    (tree / "cifar10/test/class3/notes.txt").write_text("not a picture")
    assert "cifar10/test/class3 in" in rejected(tree)
    assert "no .jpg pictures" in rejected(tree)


def test_wrong_number_of_classes(tree: Path):
    (tree / "cifar10/train/class10").mkdir()
    assert "cifar10/train" in rejected(tree)
    assert "holds 11 class folders" in rejected(tree)


def test_classes_of_train_and_test_differ(tree: Path):
    (tree / "cifar10/train/class9").rename(tree / "cifar10/train/other")
    assert "class class9 is in only one of" in rejected(tree)


def test_wrong_picture_size(tree: Path):
    Image.new("RGB", (28, 30)).save(tree / "cifar10/train/class4/1.jpg")
    assert "cifar10/train/class4/1.jpg in" in rejected(tree)
    assert "is 28x30, but" in rejected(tree)


@pytest.mark.parametrize("keep", [0, 20, -10])
def test_damaged_jpeg_is_named(tree: Path, keep: int):
    file = tree / "cifar10/train/class4/1.jpg"
    file.write_bytes(file.read_bytes()[:keep])
    assert "cifar10/train/class4/1.jpg in" in rejected(tree)
    assert "damaged" in rejected(tree)
    assert not (tree / ".decoded-cifar10.npz").exists()


# --- the original batches and the network -----------------------------------------------------------------


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
    train, test, source = sources.load_cifar(plugin("cifar10"), tree, "cifar10", TinyCIFAR10)
    assert source == "cifar10"
    assert (train.labels.tolist(), test.labels.tolist()) == ([3, 1, 2, 0], [9, 8])
    data = np.random.RandomState(0).randint(0, 256, (6, 3072)).astype(np.uint8)
    assert np.array_equal(train.images.numpy().reshape(4, -1), data[:4])


@pytest.mark.parametrize("file", ["data_batch_1", "test_batch", "batches.meta"])
def test_damaged_batch_is_named(tmp_path: Path, file: str):
    damaged = write_batches(tmp_path) / file
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(DataMissing, match=f"^tiny-batches/{file} in .* is missing or damaged"):
        sources.load_cifar(plugin("cifar10"), tmp_path, "cifar10", TinyCIFAR10)


def test_download_moves_a_whole_folder_into_place(tmp_path: Path):
    def fetch(scratch: Path) -> None:
        (scratch / "pictures").mkdir()
        (scratch / "pictures" / "a").write_text("whole")
        (scratch / "pictures.tar.gz").write_text("archive")

    sources.download(fetch, tmp_path / "new" / "data", "pictures", "get it")
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
        sources.download(fetch, tmp_path / "data", "pictures", "get it")
    assert list(tmp_path.iterdir()) == []


# --- idx files --------------------------------------------------------------------------------------------


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
    train, test, source = plugin("fashion_mnist").load(fashion)
    assert source == "fashion_mnist"
    assert (train.images.shape, test.images.shape) == ((20, 1, 28, 28), (10, 1, 28, 28))
    assert np.array_equal(train.images[:, 0], np.random.RandomState(20).randint(0, 256, (20, 28, 28)))
    assert test.labels.tolist() == list(range(10))
    train.images[0] = 0  # would fail on memory that belongs to the file


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
    dataset = plugin("fashion_mnist")
    monkeypatch.setitem(dataset.load.__func__.__globals__, "DEBIAN", tmp_path / "gone")  # type: ignore[attr-defined]
    with pytest.raises(DataMissing, match="install the Debian package"):
        dataset.load(tmp_path)
    assert list(tmp_path.iterdir()) == []
