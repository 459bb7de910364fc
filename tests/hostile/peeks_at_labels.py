"""A hostile method file: it looks for the labels of the test split."""

import gc
import gzip
import sys
from pathlib import Path

import numpy as np
import sklearn
import torch

from benchmark import LocalMethod

TEST = 449
found = []
try:
    rows = gzip.decompress((Path(sklearn.__file__).parent / "datasets/data/digits.csv.gz").read_bytes()).split()
    found.append(f"{len(rows)} digits in a file")
except (OSError, EOFError) as error:
    print("no file:", type(error).__name__)
frame = sys._getframe()
while frame:
    values = [*frame.f_locals.values(), *frame.f_globals.values()]
    found += [f"{type(v).__name__} in a frame" for v in values if isinstance(v, list | tuple) and len(v) == TEST]
    frame = frame.f_back
for value in gc.get_objects():
    if isinstance(value, torch.Tensor | np.ndarray) and value.shape[:1] in ((TEST,), (1797,)):
        found.append(f"{type(value).__name__} of {len(value)} in memory")
for path in Path().rglob("*.npz"):
    with np.load(path) as stored:
        found += [f"{name} of {len(stored[name])}" for name in stored.files if len(stored[name]) in (TEST, 1797)]
raise RuntimeError(f"found {'; '.join(found) or 'nothing'}")


class Hostile(LocalMethod):
    title = "Hostile: peeks at labels"
    paper = "https://example.org/hostile"
    authors = "nobody"
    year = 2026
