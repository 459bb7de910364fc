"""Pictures that stay in their files are verified too, and the folders of the test part stay out of sight."""

import tarfile

import pytest
import torch
from needs import needs
from toy_folder import toy
from workshop import changed, workshop, write_suites

from benchmark.engine.pictures.data import Splits
from benchmark.engine.pictures.files import PictureFiles
from benchmark.errors import UserError
from benchmark.running.cell import run_cell
from benchmark.sandbox import bubblewrap
from benchmark.schema.suite import cells, load_suite
from benchmark.verifying.again import train_again
from benchmark.verifying.agreement import disagreements
from benchmark.verifying.handing import trained_on

__all__ = ["toy", "workshop"]
LOOKS = """
import os

if os.environ["USER"] == "sandbox" and os.path.exists({test!r}):
    raise RuntimeError("the folders of the test part can be seen")
"""


@needs("bwrap", not bubblewrap.refusal())
def test_a_suite_of_ones_own_pictures_is_verified(toy, monkeypatch):
    """Training pictures in an archive, test pictures in folders: as ``image_folder`` finds them."""
    folder = toy.parent
    with tarfile.open(toy / "train.tar", "w") as archive:
        archive.add(toy / "train", ".")
    (toy / "train").rename(folder / "unpacked")
    here = {"path": "toy", "classes": 3, "image": 32}
    recipe = {"epochs": 1, "batch": 8, "lr": 0.05, "label_smoothing": 0.1, "rand_augment": 5}
    asked = {"dataset": "image_folder", "folder": here, "limit": None, "seeds": 1, "validation": 0.2, "recipe": recipe}
    write_suites(folder, changed(**asked))
    suite = load_suite("tiny")
    (cell,) = cells("tiny", suite, "dgl")
    record = run_cell(lambda done: None, cell, suite, "")
    assert record.error is None
    assert record.provenance.source == "toy-tars-files"
    assert record.provenance.pictures == {"training": 48, "validation": 12, "test": 24}
    with open(folder / "methods" / "dgl.py", "a") as method:
        method.write(LOOKS.format(test=str(toy / "val")))
    monkeypatch.setenv("USER", "somebody")
    again, _ = train_again(lambda done: None, cell, suite, folder)
    assert again.error is None
    assert disagreements(record, again, 0.0) == []


def test_test_pictures_that_lie_beside_the_others_cannot_be_kept_from_anybody(tmp_path):
    def part(*packs):
        return PictureFiles(tmp_path, ("a",), torch.zeros(1), packs, torch.zeros(1, 3) if packs else None)

    assert trained_on(Splits(part("a.tar"), part("b.tar"), part("c.tar"), "", "")) == [
        tmp_path / "a.tar",
        tmp_path / "b.tar",
    ]
    with pytest.raises(UserError, match="holds the test pictures, too"):
        trained_on(Splits(part(), part(), part("c.tar"), "", ""))
