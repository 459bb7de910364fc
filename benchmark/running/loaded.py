"""The files that a cell is made of, as they were loaded: a record is of what ran, not of what stood there later.

Who runs many cells knows the files as they were when it asked. Somebody may edit one of them, or check out another
commit, before a cell's process loads it, or while it trains.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.engine.load import dataset_of, load_method
from benchmark.engine.pictures.data import Dataset
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plugins import DATASETS, METHODS, file_sha256, loaded_sha256
from benchmark.schema.suite import TWIN, Cell, Suite


class Changed(UserError):
    """What was loaded is not what was asked for, or is not there any more: the cell says nothing of either."""


@dataclass(frozen=True)
class Loaded:
    """The classes that a cell runs."""

    method: type[Method]
    twin: type[Method]
    dataset: Dataset

    def fingerprint(self, cell: Cell, suite: Suite, pictures: str, asked: str) -> str:
        """What the cell's numbers are made from, by what was loaded.

        Args:
            asked: the same, by the files as they were when the cell was asked for; empty: nobody asked.

        Raises:
            Changed: it is something else.
        """
        found = fingerprint(cell, suite, pictures, loaded_sha256(self.method), loaded_sha256(type(self.dataset)))
        if asked not in ("", found):
            files = f"{METHODS / cell.method}.py, {DATASETS / suite.dataset}.py, the pictures or the packages"
            raise Changed(f"One of {files} changed after the run had begun; run it again.")
        return found

    @contextmanager
    def unchanged(self, cell: Cell, suite: Suite) -> Iterator[None]:
        """Look again after the training, however it ends: an edited file may be why it fails.

        Raises:
            Changed: a file is not what was loaded; which commit it was of, and whether that was clean, is not known.
        """
        try:
            yield
        except Exception:
            self._check(cell, suite)
            raise
        self._check(cell, suite)

    def _check(self, cell: Cell, suite: Suite) -> None:
        of = {
            METHODS / f"{cell.method}.py": self.method,
            METHODS / f"{TWIN}.py": self.twin,
            DATASETS / f"{suite.dataset}.py": type(self.dataset),
        }
        for path, plugin in of.items():
            if _sha256(path) != loaded_sha256(plugin):
                raise Changed(f"{path} changed while the cell was trained; run it again.")


def load(cell: Cell, suite: Suite) -> Loaded:
    """The classes that a cell runs, each loaded once."""
    return Loaded(load_method(cell.method), load_method(TWIN), dataset_of(suite, cell.backbone))


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return ""
