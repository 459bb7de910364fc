"""Pictures: the split is fixed and fair, batches repeat to the bit, crops are legal, bad files say so."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from benchmark.engine.pictures.data import Dataset, Pictures, data_root, fingerprint, load_splits, stratified_order
from benchmark.engine.pictures.loader import Loader, MemoryLoader
from benchmark.errors import UserError

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
    return MemoryLoader(noise(n, seed=3), dataset or Colours(), batch_size, **{"train": True, **options})


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
    assert list(MemoryLoader(splits.validation, Colours(), 8, train=False).epoch(0)) == []


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


@pytest.mark.parametrize("dataset", [Colours(), OnBlack(), Colours().augmented(2, "constant", False)])
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


def test_another_augmentation_leaves_the_data_set_as_it_is_and_can_be_none():
    dataset = Colours()
    still = dataset.augmented(0, "reflect", False)
    assert type(still) is Colours  # the class whose file a record names
    assert (dataset.pad, dataset.padding, dataset.flip) == (2, "reflect", True)
    trained = loader(still, n=50, batch_size=50)
    assert torch.equal(raw(trained), noise(50, seed=3).images[trained.order(0)])


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
