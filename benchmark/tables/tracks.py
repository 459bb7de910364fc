"""The tables of tracks: each examination makes its own, of what it found of all cells."""

from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from benchmark.errors import UserError
from benchmark.examining.examination import Sat, examination_names, load_examination
from benchmark.examining.examined import Examined, all_examined, examined_path
from benchmark.schema.record import Part

DIGITS = 6  # of numbers in the tables


def tables_of_tracks(examined: Path) -> dict[str, pd.DataFrame]:
    """By name of the file, without its end: the tables of each examination that something has sat.

    Raises:
        UserError: a file is no examination, or its numbers are not what that examination finds.
    """
    known = examination_names()
    by_name: dict[str, list[Sat]] = {}
    for found in all_examined(examined):
        if found.status == "ok" and found.examination in known:
            by_name.setdefault(found.examination, []).append(Sat(found.identity, _block(found, examined)))
    tables = {}
    for name, sat in sorted(by_name.items()):
        tables[name] = load_examination(name).table(sat)
        tables |= {f"{name}-{key}": table for key, table in load_examination(name).details(sat).items()}
    return {name: table.round(DIGITS) for name, table in tables.items()}


def _block(found: Examined, examined: Path) -> Part:
    """What an examination found, as its file in ``benchmark/examinations`` has it today."""
    try:
        return load_examination(found.examination).finds.model_validate(found.block)
    except ValidationError:
        path = examined_path(examined, found.identity, found.examination)
        raise UserError(
            f"{path} is not what the examination {found.examination!r} finds today; delete it and run "
            f"`beyond examine {found.identity.suite}` again."
        ) from None
