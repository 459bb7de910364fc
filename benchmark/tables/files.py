"""Write all tables of ``results/``; the same records give the same bytes."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.ending import cannot_use
from benchmark.errors import UserError
from benchmark.examining.examination import examination_names
from benchmark.schema.authors import NAME as AUTHORS
from benchmark.schema.authors import read_authors
from benchmark.schema.claims import NAME as CLAIMS
from benchmark.schema.claims import read_claims
from benchmark.schema.plugins import DATASETS, METHODS, data_set_literals
from benchmark.schema.suite import LEADING, SUITES, Suite, load_suites, settings
from benchmark.schema.text import decoded, printable, read_bytes, said, write_text
from benchmark.tables.asked import family_that_claims, rows_asked
from benchmark.tables.board import leaderboard, rounded
from benchmark.tables.cells import load, published
from benchmark.tables.claimed_names import check_names
from benchmark.tables.claims import tables_of_claims
from benchmark.tables.columns import SMOKE_TEST, TRACK, dictionary
from benchmark.tables.curves import curves
from benchmark.tables.evidence import Evidence
from benchmark.tables.kinds import other_kind
from benchmark.tables.methods_said import methods_said, with_metadata
from benchmark.tables.planned import rows_planned
from benchmark.tables.ranking import ranking, with_rank
from benchmark.tables.reference import reference
from benchmark.tables.reproductions import reproductions
from benchmark.tables.tracks import tables_of_tracks
from benchmark.tables.tuning import TUNED, in_sentences, read_searches, trained_otherwise, tuning

RESULTS = Path("results")
OF_CLAIMS = ("claims.csv", "claim_cases.csv")
LARGEST = 2**22  # bytes of published.csv
PUBLISHED = (
    "method",
    "dataset",
    "backbone",
    "modules",
    "metric",
    "value",
    "std",
    "source",
    "note",
    "suite",
)


def write_tables(
    results: Path = RESULTS,
    methods: Path = METHODS,
    suites: Path = SUITES,
    complain: Callable[[str], None] = lambda sentence: None,
) -> pd.DataFrame:
    """Write all tables of ``results`` anew from its records; returns the leaderboard.

    ``reproductions.csv`` needs the papers' figures in ``published.csv``, and verdicts on claims need ``claims.yaml``
    beside ``suites``. What a suite asks for is read from the file
    ``suites``; of suites that are not in it, or without the file, it is taken from their records. Who is to hear of
    searches that do not choose what trained the tuned records is told by ``complain``.

    Raises:
        UserError: a file is not a record, or stands in a wrong place; ``suites`` is not as it should be; a table
            cannot be written. Each file is written whole or not at all, and the same command writes the rest later.
    """
    defined = load_suites(suites) if suites.exists() else {}
    cells = load(results / "runs")
    methods_say = methods_said(cells, methods, results / "methods")
    for name, standing in read_authors(results / AUTHORS, set(methods_say)).items():
        methods_say[name]["authors_stand"] = {"state": str(standing), "link": standing.link}
    board = with_metadata(leaderboard(cells, defined), methods_say)
    apart = _apart(defined)
    rank = partial(
        ranking,
        board,
        cells,
        {name: settings(suite) for name, suite in defined.items()},
        [name for name, text in methods_say.items() if not text.get("cut_matters", True)],
        few=[name for name, suite in defined.items() if suite.methods is not None],
        apart=apart,
    )
    ranks = rank(recipes=leading_recipes(board, defined))
    if searches := read_searches(results / "tuned"):
        otherwise = trained_otherwise(searches, cells, defined)
        for sentence in in_sentences(cells[otherwise]):
            complain(sentence)
        ranks_of = rank(), rank(recipes=dict.fromkeys(board["suite"], TUNED))
        changed = tuning(searches, cells[~otherwise], defined, *ranks_of)
    board = rounded(with_rank(board, ranks, apart))
    texts = {
        "leaderboard.csv": board.to_csv(index=False),
        "leaderboard-columns.csv": dictionary().to_csv(index=False),
        "ranking.csv": ranks.to_csv(index=False),
        "reference.csv": reference(board).to_csv(index=False),
        "curves.csv": curves(cells).to_csv(index=False),
        "suites.json": json.dumps(_said(defined, cells), indent=1) + "\n",
        **{f"methods/{name}.json": json.dumps(text, indent=1) + "\n" for name, text in methods_say.items()},
        **{name: json.dumps(numbers) + "\n" for name, numbers in metrics(board).items()},
        **{f"cells/{suite}.csv": published(rows).to_csv(index=False) for suite, rows in cells.groupby("suite")},
    }
    if (results / "published.csv").exists():
        figures = reproductions(board, papers_figures(results / "published.csv"), methods_say)
        texts["reproductions.csv"] = figures.to_csv(index=False)
    if searches:
        texts["tuning.csv"] = changed.to_csv(index=False)
    texts |= {
        f"{name}.csv": table.to_csv(index=False)
        for name, table in tables_of_tracks(results / "examined", cells).items()
    }
    for name, text in texts.items():
        _write(text, results / name)
    claims = read_claims(suites.with_name(CLAIMS))
    _remove_others(results, {*texts, *(OF_CLAIMS if claims else ())})
    if claims:  # last, as they may be of any of the tables that are there now
        tables = {*examination_names(), *(path.stem for path in results.glob("*.csv"))}  # a track may not be run yet
        check_names(claims, _names(board, defined, methods_say) | {"table": tables})
        evidence = _evidence(board, cells, defined, methods_say, apart, results / "plans")
        for name, table in zip(OF_CLAIMS, tables_of_claims(claims, evidence, results), strict=True):
            _write(table.to_csv(index=False), results / name)
    return board


def _apart(defined: dict[str, Suite]) -> dict[str, str]:
    """The role of each suite that is no comparison; a track's networks train to be examined, and briefly."""
    found = {name: TRACK for name, suite in defined.items() if suite.examine}
    return found | {name: SMOKE_TEST for name, suite in defined.items() if suite.role == SMOKE_TEST}


def _evidence(
    board: pd.DataFrame,
    cells: pd.DataFrame,
    defined: dict[str, Suite],
    methods_say: dict[str, dict[str, Any]],
    apart: dict[str, str],
    plans: Path,
) -> Evidence:
    """What claims are held against: all rows but those of tracks."""
    contests = {name: suite for name, suite in defined.items() if name not in apart}
    families = {name: family_that_claims(text) for name, text in methods_say.items()}
    rows = board.assign(leads=led_as_defined(board, contests), family=board["method"].map(families))
    rows = rows[~rows["suite"].isin([name for name, suite in defined.items() if suite.examine])]
    smoke = [name for name, role in apart.items() if role == SMOKE_TEST]
    return Evidence(rows, cells, rows_asked(rows, contests), smoke, rows_planned(plans, contests, families))


@contextmanager
def tables_afterwards() -> Iterator[None]:
    """Write all tables when what is done has ended, however: of what stopped it the caller hears, and of nothing else.

    Raises:
        UserError: as of :func:`write_tables`, where nothing stopped it.
    """
    try:
        yield
    except BaseException:
        with suppress(UserError):
            write_tables()
        raise
    write_tables()


def _names(
    board: pd.DataFrame, defined: dict[str, Suite], methods_say: dict[str, dict[str, Any]]
) -> dict[str, set[str]]:
    """What claims may name: of files here, and of records, which outlive them."""
    backbones = {backbone.key for suite in defined.values() for backbone in suite.backbones}
    variants = {variant for text in methods_say.values() for variant in text.get("variants", {})}
    return {
        "method": {*methods_say},
        "variant": {"", *variants, *board["variant"].dropna()},
        "family": {str(text["family"]) for text in methods_say.values() if "family" in text},
        "suite": {*defined, *board["suite"]},
        "dataset": {suite.dataset for suite in defined.values()} | {*board["dataset"]},
        "backbone": backbones | {*board["backbone"]},
    }


def leading_recipes(board: pd.DataFrame, defined: dict[str, Suite]) -> dict[str, str]:
    """Whose recipe each suite's ranks are of: what its definition leads with, if there is a row of it.

    Else the first of :data:`LEADING` that has rows: a suite that nobody has tuned yet is ranked as it stands.
    """
    found: dict[str, str] = {}
    for name, there in board.groupby("suite")["recipe"].agg(set).items():
        suite = defined.get(str(name))
        wanted = (suite.leading, *LEADING) if suite else LEADING
        found[str(name)] = next(recipe for recipe in wanted if recipe in there)
    return found


def led_as_defined(board: pd.DataFrame, defined: dict[str, Suite]) -> pd.Series:
    """Which rows may speak for or against a claim: not those of a recipe that its suite has but for comparison.

    Until a suite is tuned its ranks are of the one recipe for all, which may be nobody's fault and nobody's merit.
    """
    rows = zip(board["suite"], board["recipe"], strict=True)
    speaks = [suite not in defined or recipe == defined[suite].leading for suite, recipe in rows]
    return board["leads"].where(pd.Series(speaks, board.index, dtype=bool), "no")


def papers_figures(path: Path) -> pd.DataFrame:
    """What a person wrote into ``published.csv``; ``value`` as it is printed, since 8.0 is not 8.

    Raises:
        UserError: it is no UTF-8 text, no table, or lacks a column; a value is no number.
    """
    text = decoded(read_bytes(path, LARGEST), path)
    try:
        found = pd.read_csv(StringIO(text), dtype={"value": str})
    except ValueError as error:
        raise UserError(f"{path} is no table ({said(error)}); mend its line.") from None
    if missing := [name for name in PUBLISHED if name not in found]:
        raise UserError(f"{path} lacks the column {missing[0]}; its first line is to name {', '.join(PUBLISHED)}.")
    wrong = found.loc[pd.to_numeric(found["value"], errors="coerce").isna(), "value"]
    if len(wrong):
        raise UserError(f"{path}: a value is {printable(str(wrong.iloc[0]))}, and no number; mend its line.")
    return found


def _write(text: str, path: Path) -> None:
    try:
        write_text(text, path)
    except OSError as error:
        raise UserError(f"Records are safe, tables are of before: {cannot_use(error, path)}") from None


def _said(suites: dict[str, Suite], cells: pd.DataFrame) -> dict[str, Any]:
    """What the tables' readers need to know of each suite; ``pictures`` where its records counted them."""
    counted = cells.dropna(subset=["pictures"]).groupby("suite")["pictures"].last()
    return {
        name: suite.model_dump(mode="json", exclude={"overrides"})
        | {"data": _data(suite.dataset), "pictures": counted.get(name)}
        for name, suite in suites.items()
    }


def _data(name: str) -> dict[str, Any]:
    """What a data set's file says of it; nothing where it is gone."""
    try:
        return data_set_literals(DATASETS / f"{name}.py")
    except (OSError, UserError):
        return {}


def _remove_others(results: Path, written: Collection[str]) -> None:
    """Remove tables of suites, methods, rows and searches that are gone."""
    tracks = [f"{name}{end}" for name in examination_names() for end in (".csv", "-*.csv")]
    tables = ("methods/*.json", "metrics/*/*.json", "cells/*.csv", "tuning.csv", *tracks, *OF_CLAIMS)
    for path in [path for pattern in tables for path in results.glob(pattern)]:
        if str(path.relative_to(results)) not in written:
            path.unlink(missing_ok=True)


def metrics(board: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Name of a file -> number -> K -> its value, for ``dvc metrics show``; of the rows that a suite leads with.

    A method of a suite is a file, so that DVC shows a line for each. ``gap`` is to end-to-end backpropagation, in
    points. Numbers that are not there are left out.
    """
    numbers = {"top1": "test_top1_pct", "gap": "vs_e2ebp_pct"}
    found: dict[str, dict[str, dict[str, float]]] = {}
    leading = board[(other_kind(board) == "") & (board["leads"] == "yes")]
    for suite, rows in leading.groupby("suite"):
        several = rows["backbone"].nunique() > 1
        for row in rows.to_dict("records"):
            label = "-".join(filter(None, [row["method"], row["variant"], row["backbone"] if several else ""]))
            for name, column in numbers.items():
                if pd.notna(row[column]):
                    of = found.setdefault(f"metrics/{suite}/{label}.json", {}).setdefault(name, {})
                    of[f"k{row['modules']}"] = float(row[column])
    return found
