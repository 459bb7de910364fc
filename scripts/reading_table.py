"""How fast pictures that stay in their files are read, and what limits it, in CPU seconds.

``python scripts/reading_table.py [--data DIR] [--count N]``, from the top of the repository. Training crops of Tiny
ImageNet's JPEG files (64x64), as `imagenet` is read, from files and from a tar archive: shown at 64 and, blown up, at
224 pixels a side. One process, as one worker of a loader is; ``results/reading.csv`` is written.
"""

import os
import tarfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from rich.console import Console
from torchvision.transforms import v2

from benchmark.engine.pictures.data import Task
from benchmark.engine.pictures.files import PictureFiles, class_folders, picture_files
from benchmark.engine.pictures.parts import part_of_tars
from benchmark.engine.pictures.picture_file import read_picture
from benchmark.engine.pictures.stream import StreamingLoader
from benchmark.engine.training.process import prepare_process
from benchmark.errors import UserError
from benchmark.schema.text import write_text

RESULTS = Path("results/reading.csv")
SIDES = (64, 224)
BATCH = 64

console = Console()


def seconds_each(call: Callable[[Any], object], over: list) -> float:
    """CPU seconds of a call, over all of its arguments."""
    for argument in over[:BATCH]:  # to get warm
        call(argument)
    begun = process_time()
    for argument in over:
        call(argument)
    return (process_time() - begun) / len(over)


def in_a_tar(some: PictureFiles, folder: Path) -> PictureFiles:
    """The same pictures in one archive."""
    with tarfile.open(folder / "some.tar", "w") as archive:
        for file in some.files:
            archive.add(some.root / file, file)
    part = part_of_tars(folder, [folder / "some.tar"])
    return part.labelled(part.classes)


def measured(some: PictureFiles, side: int) -> dict[str, str | int | float]:
    """A row of the table."""
    count = len(some)

    def read(place: int) -> np.ndarray:
        content = some.content(place) if some.packs else None
        return read_picture(some.root, some.files[place], None, None, 3, content)

    pixels = [torch.from_numpy(read(place).copy()).permute(2, 0, 1) for place in range(count)]
    decode = seconds_each(read, list(range(count)))
    crop = v2.Compose([v2.RandomResizedCrop(side, antialias=True), v2.RandomHorizontalFlip()])
    cropped = seconds_each(crop, pixels)
    loader = StreamingLoader(some, Task(200, side, 3, (0.5,) * 3, (0.25,) * 3), BATCH, train=True)
    worker = seconds_each(loader.files.__getitem__, [(0, 0, place) for place in range(count)])
    begun = process_time()
    batches = sum(1 for _ in islice(loader.epoch(0), count // BATCH))
    whole = (process_time() - begun) / (BATCH * batches)
    return {
        "kept": "a tar archive" if some.packs else "files",
        "side": side,
        "pictures_per_cpu_second_of_a_worker": round(1 / worker),
        "decode_share": round(decode / worker, 2),
        "crop_and_flip_share": round(cropped / worker, 2),
        "pictures_per_cpu_second_with_normalisation": round(1 / whole),  # which a GPU does itself
    }


def main(
    data: Annotated[Path | None, typer.Option(help="the data folder; by default BEYOND_DATA, or data")] = None,
    count: Annotated[int, typer.Option(min=BATCH, help="pictures of each figure")] = 2048,
) -> None:
    """Measure, print and write the table."""
    prepare_process("cpu")
    folder = (data or Path(os.environ.get("BEYOND_DATA") or "data")) / "tiny-imagenet-200" / "train"
    if not folder.is_dir():
        raise UserError(f"There is no {folder}; say --data, the folder that has tiny-imagenet-200.")
    files = picture_files(folder, class_folders(folder))
    places = torch.randperm(len(files), generator=torch.Generator().manual_seed(0))[:count]
    some = files.at(places)
    with TemporaryDirectory() as folder:
        rows = [measured(kept, side) for kept in (some, in_a_tar(some, Path(folder))) for side in SIDES]
    console.print(rows)
    write_text(pd.DataFrame(rows).to_csv(index=False), RESULTS)


if __name__ == "__main__":
    typer.run(main)
