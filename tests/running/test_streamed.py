"""A cell on pictures of any size that stay in their files: trained as any other, odd files read or named."""

import numpy as np
import pytest
from PIL import Image
from workshop import changed, run, workshop, write_suites

from benchmark.engine.load import load_dataset
from benchmark.errors import DataMissing
from benchmark.schema.record import read_record

__all__ = ["workshop"]
TOY = """
from benchmark import Dataset, load_files

class Toy(Dataset):
    title, url, classes, image_size, channels = "Toy", "https://example.org", 3, 32, 3
    mean, std = (0.5,) * 3, (0.25,) * 3

    def load(self, root):
        return load_files(self, root, "toy")
"""
ODD = {
    "cmyk.JPEG": ("CMYK", "JPEG"),
    "png.JPEG": ("RGB", "PNG"),
    "grey.jpg": ("L", "JPEG"),
    "plain.png": ("RGB", "PNG"),
}


@pytest.fixture
def toy(workshop, monkeypatch):
    """The data set's folder, with pictures of ImageNet's kinds and of three sizes."""
    monkeypatch.setenv("BEYOND_DATA", str(workshop))
    (workshop / "datasets" / "toy.py").write_text(TOY)
    draw = np.random.RandomState(0)
    for part, count in (("train", 5), ("val", 2)):
        for label, name in enumerate("abc"):
            folder = workshop / "toy" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                for file, (mode, kind) in ODD.items():
                    noise = draw.randint(0, 40, (40 + 8 * label, 50, 3)) + 80 * label
                    Image.fromarray(noise.astype(np.uint8)).convert(mode).save(folder / f"{number}{file}", format=kind)
    return workshop / "toy"


def test_a_suite_of_streamed_pictures_trains(toy):
    write_suites(
        toy.parent,
        changed(dataset="toy", limit=None, seeds=1, validation=0.2, recipe={"epochs": 2, "batch": 8, "lr": 0.05}),
    )
    assert run("dgl").trained == [("dgl", 0, "ok")]
    (path,) = (toy.parent / "results" / "runs" / "tiny" / "dgl").glob("*.json")
    record = read_record(path)
    assert record.provenance.source == "toy-files"
    assert record.provenance.pictures == {"training": 48, "validation": 12, "test": 24}
    assert record.isolation == "verified"


def test_what_does_not_fit_is_named(toy):
    dataset = load_dataset("toy")
    (toy / "val" / "c").rename(toy / "val" / "d")
    with pytest.raises(DataMissing, match=r"The class c is in one part of toy alone"):
        dataset.load(toy.parent)
    (toy / "val" / "d").rename(toy / "val" / "c")
    (toy / "train" / "a" / "notes.txt").touch()
    with pytest.raises(DataMissing, match=r"notes\.txt is no JPEG or PNG picture"):
        dataset.load(toy.parent)
