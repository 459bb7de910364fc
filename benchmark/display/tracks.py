"""The pages of tracks: each examination's texts, table and charts, the same for both front ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmark.display.reading import read_table
from benchmark.examining.examination import Picture, examination_names, load_examination
from benchmark.examining.rows import FAILED

LEAD = (
    "A track is a suite whose trained networks are examined afterwards: what modular training is said to give beside "
    "accuracy. Each examination is one file in `benchmark/examinations`; its numbers stand in a record beside that of "
    "the training, and `beyond examine` makes them again."
)
NOTHING = "Nothing was examined yet. `beyond run SUITE` and `beyond examine SUITE` do, of a suite that is a track."
TEXT = (
    "suite",
    "backbone",
    "method",
    "variant",
    "recipe",
    "head",
    "per_class",
    "place",
    "other",
    "other_place",
    "seen",
    "score",
    "verdict",
    "truth",
    "source",
    "target",
)


class Track(NamedTuple):
    """What the page of one examination says and shows."""

    name: str
    title: str
    lead: str
    notes: tuple[str, ...]
    headings: dict[str, tuple[str, str]]  # of the table's columns: heading and meaning
    table: pd.DataFrame
    details: dict[str, pd.DataFrame]  # further tables, by what their files are called after the track

    @property
    def files(self) -> list[str]:
        """What its tables are called among the results, the one of its page first."""
        return [f"{self.name}.csv", *(f"{self.name}-{key}.csv" for key in sorted(self.details))]

    def sections(self) -> Iterator[tuple[str, list[Picture]]]:
        """Headings, and the charts under each."""
        from benchmark.display.looks import inked, slim  # altair, which no table needs

        examination = load_examination(self.name)
        pictures = [*examination.pictures(self.table)]
        pictures += examination.pictures_of_details(self.details) if self.details else ()
        found: dict[str, list[Picture]] = {}
        for picture in pictures:
            found.setdefault(picture.section, []).append(picture._replace(chart=inked(slim(picture.chart))))
        yield from found.items()


def read_tracks(results: Path) -> dict[str, Track]:
    """By name: the examinations that have a table in the results."""
    found = {}
    for name in examination_names():
        table = read_table(results / f"{name}.csv", TEXT)
        if len(table):
            of = load_examination(name)
            details = {p.stem.removeprefix(f"{name}-"): read_table(p, TEXT) for p in results.glob(f"{name}-*.csv")}
            found[name] = Track(name, of.title, of.lead, of.notes, {**of.columns, **FAILED}, table, details)
    return found


def decimals(name: str, values: pd.Series) -> int | None:
    """Decimals in which a column of the table is shown; none of one that is text."""
    if not pd.api.types.is_numeric_dtype(values):
        return None
    said = values.dropna()
    if (said == said.round()).all() and not name.endswith("_pct"):
        return 0
    return 2 if name.endswith("_pct") else 3
