"""What pictures a stranger's process is given, before it has trained and after; on its side, what they are there.

Pictures in memory are handed over as they are. Those that stay in their files stay there: the folder of the training
part, or its archives, can be read in the sandbox, and the folders of the test part, whose names are its labels, cannot.
For an exam the test pictures are copied into one file, without their names.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.engine.pictures.data import Dataset, Pictures, Splits
from benchmark.engine.pictures.files import PictureFiles
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.pictures.stream import loader_of
from benchmark.errors import UserError

PACK = "exam.pack"
Part = Pictures | PictureFiles


def handed(part: Part) -> dict[str, Any]:
    """A part to train or validate on, labels and all, as plain values and tensors."""
    return part.facts() if isinstance(part, PictureFiles) else {"images": part.images, "labels": part.labels}


def taken(found: dict[str, Any]) -> Part:
    """The part that :func:`handed` gave."""
    return PictureFiles.of_facts(found) if "root" in found else Pictures(**found)


def trained_on(splits: Splits) -> list[Path]:
    """Folders and files outside the scratch folder that are needed to train and to validate.

    Raises:
        UserError: the test pictures lie in one of them, under their labels.
    """
    parts = [part for part in (splits.train, splits.validation) if isinstance(part, PictureFiles)]
    places = list(dict.fromkeys(place for part in parts for place in part.places()))
    if isinstance(splits.test, PictureFiles):
        for hidden in splits.test.places():
            if inside := next((p for p in places if hidden.resolve().is_relative_to(p.resolve())), None):
                raise UserError(f"{inside} holds the test pictures, too, so they cannot be kept from the method.")
    return places


def exam_bytes(test: Part) -> int:
    """What an exam of all test pictures takes on the disk."""
    return sum(test.sizes()) if isinstance(test, PictureFiles) else test.images.nbytes


def exam_of(test: Part, places: Tensor, copy: Path) -> dict[str, Any]:
    """The test pictures at ``places`` (n,), in that order and without labels; those of files are in ``copy`` then."""
    if isinstance(test, Pictures):
        return {"images": test.images[places]}
    spans, first = [], 0
    with open(copy, "wb") as pack:
        for place in places.tolist():
            size = pack.write(test.content(place))
            spans.append((0, first, size))
            first += size
    return {"spans": torch.tensor(spans, dtype=torch.int64).view(-1, 3)}


def exam_loader(exam: dict[str, Any], dataset: Dataset, device: str) -> Loader:
    """Shows the pictures of an exam that lies in the current folder."""
    count = len(exam["images"] if "images" in exam else exam["spans"])
    nothing = torch.zeros(count, dtype=torch.int64)
    shown: Part
    if "images" in exam:
        shown = Pictures(exam["images"], nothing)
    else:
        names = tuple(f"picture {number}" for number in range(count))
        shown = PictureFiles(Path.cwd(), names, nothing, (PACK,), exam["spans"])
    return loader_of(shown, dataset, 1, device=device, train=False)
