"""The tables of tracks: each examination makes its own, of what it found of all cells."""

from pathlib import Path

import pandas as pd

from benchmark.examining.examination import Sat, examination_names, load_examination
from benchmark.examining.examined import all_examined

DIGITS = 6  # of numbers in the tables


def tables_of_tracks(examined: Path) -> dict[str, pd.DataFrame]:
    """By name of the file, without its end: the tables of each examination that something has sat.

    Raises:
        UserError: a file is no examination.
    """
    by_name: dict[str, list[Sat]] = {}
    for found in all_examined(examined):
        if found.status == "ok" and found.examination in examination_names():
            block = load_examination(found.examination).finds.model_validate(found.block)
            by_name.setdefault(found.examination, []).append(Sat(found.identity, block))
    tables = {}
    for name, sat in sorted(by_name.items()):
        tables[name] = load_examination(name).table(sat)
        tables |= {f"{name}-{key}": table for key, table in load_examination(name).details(sat).items()}
    return {name: table.round(DIGITS) for name, table in tables.items()}
