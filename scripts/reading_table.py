"""How fast pictures that stay in their files are read, and what limits it, in CPU seconds.

``python scripts/reading_table.py [--data DIR] [--count N]``, from the top of the repository. Training crops of Tiny
ImageNet's JPEG files (64x64), as `imagenet` is read: shown at 64 and, blown up, at 224 pixels a side. One process, as
one worker of a loader is; ``results/reading.csv`` is written.
"""

import os
from functools import partial
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Annotated

import pandas as pd
import torch
import typer
from rich.console import Console
from torchvision.transforms import v2

from benchmark.engine.pictures.data import Task
from benchmark.engine.pictures.files import class_folders, picture_files
from benchmark.engine.pictures.picture_file import read_picture
from benchmark.engine.pictures.stream import StreamingLoader
from benchmark.engine.training.process import prepare_process
from benchmark.errors import UserError
from benchmark.schema.text import write_text

RESULTS = Path("results/reading.csv")
SIDES = (64, 224)
BATCH = 64

console = Console()


def seconds_each(call: partial, over: list) -> float:
    """CPU seconds of a call, over all of its arguments."""
    for argument in over[:BATCH]:  # to get warm
        call(argument)
    begun = process_time()
    for argument in over:
        call(argument)
    return (process_time() - begun) / len(over)


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
    pixels = [torch.from_numpy(read_picture(some.root, f, None, None, 3).copy()).permute(2, 0, 1) for f in some.files]
    decode = seconds_each(partial(read_picture, some.root, kind=None, size=None, channels=3), list(some.files))
    rows = []
    for side in SIDES:
        crop = v2.Compose([v2.RandomResizedCrop(side, antialias=True), v2.RandomHorizontalFlip()])
        cropped = seconds_each(partial(crop), pixels)
        loader = StreamingLoader(some, Task(200, side, 3, (0.5,) * 3, (0.25,) * 3), BATCH, train=True)
        worker = seconds_each(partial(loader.files.__getitem__), [(0, 0, place) for place in range(count)])
        begun = process_time()
        batches = list(islice(loader.epoch(0), count // BATCH))
        whole = (process_time() - begun) / (BATCH * len(batches))
        rows.append(
            {
                "side": side,
                "pictures_per_cpu_second_of_a_worker": round(1 / worker),
                "decode_share": round(decode / worker, 2),
                "crop_and_flip_share": round(cropped / worker, 2),
                "pictures_per_cpu_second_with_normalisation": round(1 / whole),  # which a GPU does itself
            }
        )
        del batches
    console.print(rows)
    write_text(pd.DataFrame(rows).to_csv(index=False), RESULTS)


if __name__ == "__main__":
    typer.run(main)
