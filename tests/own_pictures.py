"""A small folder of pictures of one's own, and how briefly a network is trained on it."""

import numpy as np
import pytest
from PIL import Image

SMALL = {"image": 16, "epochs": 1, "batch": 4, "workers": 0, "device": "cpu"}


@pytest.fixture
def pictures(tmp_path):
    """Three classes of ten pictures of uneven sizes."""
    draw = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(10):
            pixels = draw.integers(0, 256, (20 + i, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i}.png")
    return tmp_path / "pictures"
