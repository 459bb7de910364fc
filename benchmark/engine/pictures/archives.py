"""Archives that torchvision reads; CIFAR also from a tree of picture files; all of them else from the network.

Files that are already there are always tried before the network. Every way in which they can be missing or
damaged ends in one `DataMissing` sentence, with file names relative to the data folder.
"""

from __future__ import annotations

from pathlib import Path

from torchvision.datasets import CIFAR10, STL10, SVHN
from torchvision.datasets.utils import check_integrity

from benchmark.engine.pictures.data import Dataset, Pictures, as_pictures
from benchmark.engine.pictures.network import download
from benchmark.engine.pictures.places import check_folder, check_root, spelt
from benchmark.engine.pictures.tree import load_tree
from benchmark.engine.pictures.tree_layout import TREE
from benchmark.errors import DataMissing


def load_cifar(dataset: Dataset, root: Path, name: str, original: type[CIFAR10]) -> tuple[Pictures, Pictures, str]:
    """CIFAR from its original batches, else from a tree of picture files, else from the network.

    Raises `DataMissing`. The source is `name` for the original bytes, `name`-jpeg or `name`-png for a tree: JPEG loses
    a little, so it is another data set to whoever compares numbers.
    """
    by_hand = f"unpack {original.url} there, or put {TREE.format(name=name)} there"
    check_root(root)
    if not check_folder(root / original.base_folder, "the folder", f"remove it, then {by_hand}"):
        if check_folder(root / name, "the folder", f"remove it, then {by_hand}"):
            train, test, kind = load_tree(dataset, root, name)
            return train, test, f"{name}-{kind}"
        download(lambda folder: original(folder, download=True), root, original.base_folder, by_hand)
    return *_read_batches(root, original), name


def _read_batches(root: Path, original: type[CIFAR10]) -> tuple[Pictures, Pictures]:
    folder = original.base_folder
    mend = f"delete {folder} to have it downloaded again, or unpack {original.url} there."
    try:
        parts = [original(root, train=train) for train in (True, False)]
    except RuntimeError as error:  # torchvision checks every file's MD5 before it reads
        files = [*original.train_list, *original.test_list, [original.meta["filename"], original.meta["md5"]]]
        bad = next(file for file, md5 in files if not check_integrity(root / folder / file, md5))
        raise DataMissing(spelt(f"{folder}/{bad} in {root} is missing or damaged: {mend}")) from error
    except OSError as error:
        raise DataMissing(spelt(f"{folder} in {root} cannot be read ({error.strerror}): {mend}")) from error
    train, test = (as_pictures(part.data, part.targets) for part in parts)
    return train, test


def load_halves(
    dataset: Dataset, root: Path, folder: str, original: type[SVHN] | type[STL10]
) -> tuple[Pictures, Pictures]:
    """The parts "train" and "test" of a data set that torchvision keeps by such names, from the network if need be.

    Args:
        folder: in `root`, that torchvision's class finds its files in, or in the folder above.

    Raises `DataMissing`.
    """
    by_hand = f"put the files of {dataset.url} into {folder}"
    within = Path(getattr(original, "base_folder", "")).name != folder

    def parts(place: Path, **how: bool) -> list[SVHN | STL10]:
        return [original(place / folder if within else place, split=part, **how) for part in ("train", "test")]

    check_root(root)
    if not check_folder(root / folder, "the folder", f"remove it, then {by_hand}"):
        download(lambda scratch: parts(scratch, download=True), root, folder, by_hand)
    mend = f"delete the folder to have it downloaded again, or {by_hand} again."
    try:
        train, test = (as_pictures(part.data.transpose(0, 2, 3, 1), part.labels) for part in parts(root))
    except RuntimeError as error:  # torchvision checks every file's MD5 before it reads
        raise DataMissing(spelt(f"{folder} in {root} lacks a file, or one is damaged: {mend}")) from error
    except OSError as error:
        raise DataMissing(spelt(f"{folder} in {root} cannot be read ({error.strerror}): {mend}")) from error
    return train, test
