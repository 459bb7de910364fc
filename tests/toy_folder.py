"""A tiny data set of pictures that stay in their files, in a workshop."""

import numpy as np
import pytest
from PIL import Image

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
