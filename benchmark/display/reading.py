"""Read what stands in the results folder: tables only, never a plugin, never torch.

Whatever stands there may come from a stranger's plugin: addresses that are not http(s) are dropped here, and
whoever shows a text escapes it for the language that it is shown in. Characters that hide something go here, too.
"""

import json
import os
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.display.rows import record_paths, with_addresses
from benchmark.display.traits import with_traits
from benchmark.errors import UserError
from benchmark.schema.text import printable_lines, read_bytes, said
from benchmark.tables.blocks import in_blocks
from benchmark.tables.columns import COLUMNS, CURVE, complete, is_twin, judged, labels_in_words, rank_in_words
from benchmark.tables.kinds import other_kind
from benchmark.tables.planned import of_todays_engine
from benchmark.tables.reproduced import NOT_RUN

TEXT = [name for name, column in COLUMNS.items() if column.decimals is None]
TEXT_OF_REPRODUCTIONS = (
    *("method", "dataset", "backbone", "modules", "metric", "our_method", "suite", "our_source", "labels"),
    *("status", "verdict", "setting", "publication", "note"),
)
TEXT_OF_FIDELITY = ("variant", "against", "compared", "deviation", "commit", "note")
TEXT_OF_TUNING = ("variant", "origin", "optimizer", "recipe", "options")
TEXT_OF_CELLS = (
    *("variant", "recipe", "error", "git_commit", "method_sha256", "dataset_fingerprint", "source", "device"),
    *("isolation", "verification", "rerun_by", "rerun_on"),
)
TEXT_OF_CURVES = ("variant", "recipe", "source", "stem")
LARGEST = 2**28  # bytes of a table
MERGE = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)  # what git leaves where two branches meet
ROW_KEY = ["suite", "backbone", "method", "variant", "modules"]


def results_folder() -> Path:
    """The folder to show: ``BEYOND_RESULTS``, or ``results``."""
    return Path(os.environ.get("BEYOND_RESULTS", "results"))


def read_table(path: Path, text: tuple[str, ...] = ()) -> pd.DataFrame:
    """A CSV file, its columns ``text`` as strings; an empty table if it is missing.

    Raises:
        UserError: it is damaged, or in the middle of a merge.
    """
    if not path.is_file():
        return pd.DataFrame()
    try:
        table = pd.read_csv(StringIO(_whole(path)), dtype=dict.fromkeys(text, str))
    except ValueError as error:
        raise UserError(f"{path} is no table ({said(error)}); run `beyond table`.") from None
    table = table.fillna(dict.fromkeys([name for name in text if name in table], ""))
    for name in table.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]]:
        table[name] = table[name].map(clean, na_action="ignore")
    return table


def _whole(path: Path) -> str:
    text = read_bytes(path, LARGEST).decode()
    if MERGE.search(text):
        raise UserError(f"{path} is in the middle of a merge; end that by `beyond register` (CONTRIBUTING.md).")
    return text


def read_board(results: Path) -> pd.DataFrame:
    """The leaderboard, in blocks, with some columns more for each row.

    ``name``; ``labels``, their three columns in words; ``kind``, which tells it from the rows that its suite ranks;
    ``comparable``, whether it lacks nothing of what they have; ``judged``, whether it may be the best of anything, or
    a headline; ``rank``, in words; ``block``, the same for all rows of a method in a suite and recipe; ``curve``, its
    learning curve as a list of percent; the traits ``locks`` and ``hidden_labels``; and what
    :func:`benchmark.display.rows.with_addresses` adds.

    Raises:
        KeyError: the file lacks a column: another version wrote it.
    """
    board = read_table(results / "leaderboard.csv", tuple(TEXT))
    if board.empty:
        return board
    board = board[list(COLUMNS)].copy()
    board["paper"] = board["paper"].map(web_address)
    board["name"] = board["title"] + (" · " + board["variant"]).where(board["variant"] != "", "")
    board["labels"] = labels_in_words(board)
    board = with_traits(board, results)
    board["kind"] = other_kind(board)
    board["comparable"] = complete(board) & (board["kind"] == "")
    board["judged"] = board["comparable"] & judged(board)
    board["rank"] = ranks_in_words(board)
    return with_addresses(in_blocks(board.merge(_read_curves(results), how="left", on=CURVE)).reset_index(drop=True))


def read_ranks(results: Path) -> pd.DataFrame:
    """Ranks of methods in suites and overall, with a column ``rank`` in words; empty without ranking.csv."""
    found = read_table(results / "ranking.csv", ("variant", "missing"))
    return found.assign(rank=ranks_in_words(found)) if len(found) else found


def ranks_in_words(rows: pd.DataFrame, low: str = "rank_low", high: str = "rank_high") -> list[str]:
    """Of each row ``3–7``; empty where it has no rank."""
    return [rank_in_words(*pair) for pair in zip(rows[low], rows[high], strict=True)]


def with_ranks_in_words(tuning: pd.DataFrame) -> pd.DataFrame:
    """What tuning changed, with the columns ``rank_shared`` and ``rank_tuned``."""
    said = {f"rank_{by}": (f"rank_low_{by}", f"rank_high_{by}") for by in ("shared", "tuned")}
    return tuning.assign(**{name: ranks_in_words(tuning, *pair) for name, pair in said.items() if pair[0] in tuning})


def recipes_of(rows: pd.DataFrame) -> list[str]:
    """Whose recipes rows were trained by; the one that leads their suite first."""
    return list(rows.sort_values(["leads", "recipe"], ascending=False, kind="stable")["recipe"].unique())


def without_references(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows (or cells) without the twin's runs of other than the suite's epochs."""
    return rows[rows["times"].isna()]


def reference_runs(board: pd.DataFrame, setting: pd.DataFrame) -> pd.DataFrame:
    """The twin's rows of all lengths in a setting (one suite, backbone and recipe), by length; empty if it has one."""
    where = ["suite", "backbone", "recipe"]
    rows = board[is_twin(board) & (board[where] == setting[where].iloc[0]).all(axis=1)]
    own = rows["times"].isna() & (rows["kind"] == "")
    other = rows["times"].notna() & ~rows["kind"].str.contains(",")  # of other pictures or protocol besides
    rows = rows[own | other].assign(times=rows["times"].fillna(1.0)).sort_values("times", kind="stable")
    return rows if rows["times"].nunique() > 1 else rows[:0]


def one_seed_suites(board: pd.DataFrame) -> list[str]:
    """Suites in which no row has a second seed: there are no intervals."""
    most = without_references(board).groupby("suite")["n_total"].max()
    return [str(suite) for suite in most.index[most == 1]]


def _read_curves(results: Path) -> pd.DataFrame:
    curves = read_table(results / "curves.csv", TEXT_OF_CURVES)
    if curves.empty:
        return pd.DataFrame(columns=[*CURVE, "curve"])
    return curves.groupby(CURVE, dropna=False)["validation_top1"].agg(list).rename("curve").reset_index()


def read_cells(results: Path) -> pd.DataFrame:
    """All cells of all suites, with a column ``record``: the path of the record below ``results``.

    ``git_dirty`` is yes, no, or unknown: where git did not say, a tree is not clean.
    Without tables of cells it is empty, and has no columns.
    """
    tables = [read_table(path, TEXT_OF_CELLS).assign(suite=path.stem) for path in sorted(results.glob("cells/*.csv"))]
    tables = [table for table in tables if not table.empty]
    if not tables:
        return pd.DataFrame()
    cells = pd.concat(tables, ignore_index=True)
    cells.insert(0, "suite", cells.pop("suite"))
    cells["git_dirty"] = cells["git_dirty"].map({True: "yes", False: "no"}).fillna("unknown")
    return cells.assign(record=record_paths(cells, cells["seed"].astype(str)))


def read_plans(results: Path, board: pd.DataFrame) -> pd.DataFrame:
    """What the committed plans predict of rows that nobody has run; the columns of ``beyond plan`` and ``suite``."""
    tables = [
        of_todays_engine(read_table(path, ("variant", "note"))).assign(suite=path.stem)
        for path in results.glob("plans/*.csv")
    ]
    tables = [table for table in tables if not table.empty]
    if not tables:
        return pd.DataFrame()
    plans = pd.concat(tables, ignore_index=True)
    have = pd.MultiIndex.from_frame(board.reindex(columns=ROW_KEY))
    return plans[~pd.MultiIndex.from_frame(plans[ROW_KEY]).isin(have)].reset_index(drop=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's object; an empty one if it is missing.

    Raises:
        UserError: it is damaged, or in the middle of a merge.
    """
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = clean(json.loads(_whole(path)))
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({said(error)}); run `beyond table`.") from None
    return found


def clean(value: Any) -> Any:
    """The value, its texts without characters that steer a terminal or hide something; line breaks stay."""
    if isinstance(value, str):
        return printable_lines(value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def read_methods(results: Path) -> dict[str, dict[str, Any]]:
    """By id: what each method says of itself, and the files that produced its records."""
    return {path.stem: read_json(path) for path in sorted(results.glob("methods/*.json"))}


def web_address(text: object) -> str | None:
    """The text if it is an http(s) address, else nothing: no ``javascript:``, no ``data:``."""
    address = str(text).strip()
    return address if re.fullmatch(r"https?://[^\s/]\S*", address, re.IGNORECASE) else None


def judged_first(reproductions: pd.DataFrame) -> pd.DataFrame:
    """The papers' figures: first those run in their own setting, then those beside some run, then all others."""
    order = pd.DataFrame({"judged": reproductions["verdict"].isin(["", NOT_RUN]), "run": reproductions["ours"].isna()})
    return reproductions.loc[order.sort_values(["judged", "run"], kind="stable").index]
