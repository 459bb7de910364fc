"""The pages of tracks: a list of them, and of each its texts, charts and table."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmark.display import tracks
from benchmark.display.tracks import Track, decimals
from benchmark.display.traits import with_traits_of_methods
from benchmark.export import columns
from benchmark.export.chart_pages import Section
from benchmark.export.figures import HALF, figure
from benchmark.export.results import Results
from benchmark.export.table import Column, Table, make_table, number, text

FILTERS = ("suite", "backbone", "method", "variant", "head", "per_class", "place")  # what readers choose rows by


def track_pages(results: Results) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, template and content of each page."""
    found = results.tracks.values()
    yield "tracks.html", "tracks.html", {"tracks": list(found), "texts": tracks}
    for track in found:
        table = _table(track, results.board)
        yield page_of(track.name), "track.html", {"track": track, "table": table, "sections": _sections(track)}


def page_of(name: str) -> str:
    """The file of a track's page."""
    return f"track-{name}.html"


def _table(track: Track, board: pd.DataFrame) -> Table:
    own = [_column(track, name) for name in track.headings if name in track.table]
    return make_table("track", with_traits_of_methods(track.table, board), [*own, *columns.traits()])


def _column(track: Track, name: str) -> Column:
    heading, meaning = track.headings[name]
    shown = decimals(name, track.table[name])
    if shown is None:
        return text(name, heading, filter=name in FILTERS, meaning=meaning)
    return number(name, heading, shown, meaning=meaning)


def _sections(track: Track) -> list[Section]:
    return [
        Section(
            f"s{i}",
            title,
            [figure(p.says, f"{track.name}-{i}-{j}", HALF, lambda p=p: p.chart) for j, p in enumerate(pictures)],
        )
        for i, (title, pictures) in enumerate(track.sections())
    ]
