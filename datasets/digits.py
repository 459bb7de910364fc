"""The 8x8 digits that come with scikit-learn: a real data set that needs no download and trains in seconds.

1797 pictures, the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak, 1998).
It has no official test split, so a quarter is set apart, stratified and fixed.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from benchmark.engine.data import Dataset, Pictures, stratified_order
from benchmark.engine.sources import as_pictures

TEST = 449  # pictures, a quarter


class Digits(Dataset):
    title = "Digits 8x8"
    url = "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits"
    classes = 10
    image_size = 8
    channels = 1
    mean = (0.3051,)
    std = (0.3761,)
    pad = 1
    padding = "constant"  # digits stand on black
    flip = False  # a mirrored digit is another sign

    def load(self, root: Path) -> tuple[Pictures, Pictures, str]:
        """`root` is not used: the pictures are embedded, with values 0..16, stretched here to 0..255."""
        embedded = load_digits()
        everything = as_pictures(np.rint(embedded.images * (255 / 16)).astype(np.uint8), embedded.target)
        order = stratified_order(everything.labels)
        return everything.at(order[TEST:].sort().values), everything.at(order[:TEST].sort().values), "digits"
