"""All that the static pages show, read once from the results folder."""

from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.display import objecting, reading
from benchmark.display.claims import read_said
from benchmark.display.edition import read_edition
from benchmark.display.fitting import read_fit
from benchmark.display.standing import standing
from benchmark.display.tracks import read_tracks
from benchmark.display.traits import with_traits_of_methods
from benchmark.display.trials import read_tuning
from benchmark.errors import UserError
from benchmark.schema.text import said


class Results:
    """All that the pages show, read once.

    Raises:
        UserError: there are no results, or their tables are of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._read(folder)
        except (KeyError, ValueError) as error:
            raise UserError(
                f"The tables in {folder} are of another version, or damaged ({said(error)}): run `beyond table`."
            ) from error

    def _read(self, folder: Path) -> None:
        self.board = reading.read_board(folder)
        if self.board.empty:
            raise UserError(f"There are no results in {folder}: `beyond run digits` trains the smallest suite.")
        self.board["behind"] = self.board["leads"] != "yes"  # the rows that a suite's ranks are not of
        self.edition = read_edition(folder)
        self.tuning = read_tuning(folder)
        self.curves = reading.read_table(folder / "curves.csv", reading.TEXT_OF_CURVES)
        self.records = self._records()
        self.cells = reading.read_cells(folder)
        if len(self.cells):
            self.cells["has_record"] = self.cells["record"].isin(self.records)
            self.cells = with_traits_of_methods(self.cells, self.board)
        self.plans = reading.read_plans(folder, self.board)
        self.fit = read_fit(folder, self.board)
        self.claims = read_said(folder)
        self.reproductions = reading.read_table(folder / "reproductions.csv", reading.TEXT_OF_REPRODUCTIONS)
        if len(self.reproductions):
            self.reproductions = with_traits_of_methods(self.reproductions, self.board, "our_method")
        self.fidelity = reading.read_table(folder / "fidelity.csv", reading.TEXT_OF_FIDELITY)
        self.tracks = read_tracks(folder)
        self.ranks = reading.read_ranks(folder)
        self.suites = reading.read_json(folder / "suites.json")
        self.methods = self._methods()
        self.plans = self._titled(self.plans)
        self._add_people()

    def _add_people(self) -> None:
        """To rows and cells, where to object to them; to rows, how their methods' authors stand to them."""
        tracker = objecting.here()
        self.how_to_object = objecting.BY_LINK if tracker else objecting.HOW

        def addresses(records: pd.Series) -> list[str]:
            return [objecting.objection(tracker, path, self.edition.short) if tracker else "" for path in records]

        stand = {method: standing(said) for method, said in self.methods.items()}
        self.board = self.board.assign(
            object=addresses(self.board["records"]), authors_stand=self.board["method"].map(stand)
        )
        if len(self.cells):
            self.cells = self.cells.assign(object=addresses(self.cells["record"]))

    def _records(self) -> dict[str, Path]:
        """By its path below the folder: each record. A link may lead to a file that is no result, and is left out."""
        runs = (self.folder / "runs").resolve()
        found = sorted(self.folder.glob("runs/*/*/*.json"))
        real = [path for path in found if path.resolve() == runs.joinpath(*path.parts[-3:])]
        return {path.relative_to(self.folder).as_posix(): path for path in real}

    def _methods(self) -> dict[str, dict[str, Any]]:
        """What each method says of itself; nothing of one that has rows and no file of its own."""
        said = reading.read_methods(self.folder)
        mute = {*self.board["method"], *self.plans.get("method", []), *self.fit.get("method", [])} - set(said)
        return dict(sorted((said | {name: {} for name in mute}).items()))

    def _titled(self, plans: pd.DataFrame) -> pd.DataFrame:
        if plans.empty:
            return plans
        plans = plans.sort_values(["suite", "backbone", "method", "variant", "modules"])
        return plans.assign(title=[self.methods[name].get("title", name) for name in plans["method"]])
