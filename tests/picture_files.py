"""Small data sets in files, and the one sentence with which a broken one is refused."""

import urllib.error
from pathlib import Path

import pytest
from PIL import Image

from benchmark.engine.load import load_dataset
from benchmark.errors import DataMissing


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
        load_dataset(name).load(root)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence
