"""The tables of tracks: each examination makes its own, of what it found of all cells."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from benchmark.errors import UserError
from benchmark.examining.examination import Sat, examination_names, load_examination
from benchmark.examining.examined import Examined, all_examined, examined_path
from benchmark.examining.rows import ROW, row_of
from benchmark.schema.record import Part

DIGITS = 6  # of numbers in the tables


def tables_of_tracks(examined: Path, cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By name of the file, without its end: the tables of each examination that something has sat.

    Args:
        examined: the folder of what was found.
        cells: all cells, of :func:`benchmark.tables.cells.load`, of which those count that did not end ok.

    Raises:
        UserError: a file is no examination, or its numbers are not what that examination finds.
    """
    known = examination_names()
    by_name: dict[str, list[Sat]] = {}
    lost: dict[str, list[dict[str, Any]]] = {}
    for found in all_examined(examined):
        if found.status == "ok" and found.examination in known:
            by_name.setdefault(found.examination, []).append(Sat(found.identity, _block(found, examined)))
        elif found.status != "ok":
            lost.setdefault(found.examination, []).append(row_of(found.identity) | {"seed": found.identity.seed})
    ended: list[Any] = cells.loc[cells["status"] != "ok", [*ROW, "seed"]].to_dict("records")
    tables = {}
    for name, sat in sorted(by_name.items()):
        table = load_examination(name).table(sat)
        tables[name] = table.assign(failed=_failed(table, [*ended, *lost.get(name, [])]))
        tables |= {f"{name}-{key}": table for key, table in load_examination(name).details(sat).items()}
    return {name: table.round(DIGITS) for name, table in tables.items()}


def _failed(table: pd.DataFrame, lost: Sequence[Mapping[str, Any]]) -> list[int]:
    """How many of the cells that did not end ok belong to each row."""

    def belongs(cell: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
        own = all(cell[name] == row[name] for name in ROW if name != "backbone")
        return own and (cell["backbone"] == row["backbone"] or cell["backbone"].startswith(f"{row['backbone']}_"))

    rows: list[Any] = table[[*ROW]].to_dict("records")
    return [len({(cell["backbone"], cell["seed"]) for cell in lost if belongs(cell, row)}) for row in rows]


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
