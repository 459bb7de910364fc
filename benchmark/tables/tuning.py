"""What tuning changed: the configuration that each method's search chose, and its accuracy and rank with and without.

From the searches in ``results/tuned/`` and the cells of both recipes; accuracies are means over the seeds that both
finished.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.schema.suite import Suite
from benchmark.schema.tuned import Search, read_search, search_path
from benchmark.tables.board import half_interval
from benchmark.tables.cells import AS_TRAINED, SHARED
from benchmark.tables.columns import PAIRED, RECIPE_COLUMNS, to_decimals

TUNED = "tuned"
ROW = ["suite", "method", "variant", "backbone", "modules"]
SAME = [*ROW, *(name for name in PAIRED if name not in (*ROW, "recipe"))]  # what two cells of a pair share
TABLE = [*ROW, "shared_pct", "tuned_pct", "difference_pct", "difference_half_pct", "n_pairs"]
RANKED = [f"{name}_{recipe}" for recipe in (SHARED, TUNED) for name in ("rank_low", "rank_high", "of")]
TABLE += [*RANKED, "configuration", "origin", *RECIPE_COLUMNS, "recipe"]
TABLE += ["options", "searched_modules", "trials", "trials_ok"]


def read_searches(folder: Path) -> list[Search]:
    """All searches below a folder.

    Raises:
        UserError: a file is none, or that of another suite or method.
    """
    found = []
    for path in sorted(folder.glob("*/*.json")):
        search = read_search(path.parent.name, path.stem, folder)
        found += [search] if search else []
    return found


def trained_otherwise(searches: Sequence[Search], cells: pd.DataFrame, defined: Mapping[str, Suite]) -> pd.Series:
    """Which cells are tuned, and by another recipe, or with other options, than their method's search chooses now.

    It chose another when they were trained, or somebody has edited it. Of older records, which name no recipe, nobody
    knows.
    """
    by = {(search.suite, search.method): search for search in searches}
    found = []
    for cell in cells[["suite", "method", "variant", "recipe", *AS_TRAINED]].to_dict("records"):
        search, suite = by.get((cell["suite"], cell["method"])), defined.get(cell["suite"])
        said = cell["variant"], cell["recipe_trained"], cell["options_trained"]
        if search and suite and cell["recipe"] == TUNED and isinstance(cell["recipe_trained"], dict):
            found.append(not search.trained(suite.recipe, *said))
        else:
            found.append(False)
    return pd.Series(found, cells.index, dtype=bool)


def in_sentences(otherwise: pd.DataFrame) -> list[str]:
    """One for each search that does not choose what trained these cells."""
    return [
        f"{count} tuned records of {method} in {suite} are not by the recipe that {search_path(suite, method)} "
        "chooses: if somebody edited that, `git restore` it; else "
        f"`beyond run {suite} --method {method}` trains them by it."
        for (suite, method), count in Counter(zip(otherwise["suite"], otherwise["method"], strict=True)).items()
    ]


def tuning(
    searches: Sequence[Search],
    cells: pd.DataFrame,
    defined: Mapping[str, Suite],
    before: pd.DataFrame,
    after: pd.DataFrame,
) -> pd.DataFrame:
    """One row for each search, variant, backbone and K.

    Args:
        searches: of methods in suites.
        cells: all cells but those that are tuned and :func:`trained_otherwise`.
        defined: suites, whose recipe says what a configuration leaves as it is.
        before: the ranks by the shared recipe.
        after: the ranks by the tuned recipes.

    Returns:
        Columns ``TABLE``. Accuracies are in percent, differences in points. ``configuration`` is the number of the one
        that was chosen, ``recipe`` has what it changes beside ``RECIPE_COLUMNS``, ``options`` what it sets of the
        method's, both as JSON; a method none of whose full trials ended has none of them. ``searched_modules`` is the K
        of the trials.
    """
    pairs = _pairs(cells)
    ranks = {SHARED: _ranks(before), TUNED: _ranks(after)}
    rows = [
        {**place, **_pair(pairs, place), **_ranked(ranks, search), **_said(search, defined.get(search.suite), place)}
        for search in searches
        for place in _places(search, cells)
    ]
    table = pd.DataFrame(rows, columns=TABLE).sort_values(ROW, ignore_index=True)
    for name in ("lr", "weight_decay"):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    whole = [*RANKED, "n_pairs", "configuration", "trials", "trials_ok"]
    for name in ("shared_pct", "tuned_pct", "difference_pct", "difference_half_pct"):
        table[name] = to_decimals(table[name].astype(float), 2)
    return table.astype(dict.fromkeys(whole, "Int64"))


def _pairs(cells: pd.DataFrame) -> pd.DataFrame:
    """Test accuracies by the shared and by the tuned recipe, of cells that ended ``ok`` by both."""
    ok = cells[(cells["status"] == "ok") & cells["times"].isna()]
    by = {recipe: ok[ok["recipe"] == recipe][[*SAME, "test_top1_pct"]] for recipe in (SHARED, TUNED)}
    return by[SHARED].merge(by[TUNED], on=SAME, suffixes=("_shared", "_tuned"))


def _places(search: Search, cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Where the method has cells of either recipe in the suite; if nowhere, where it was searched."""
    of_search = (cells["suite"] == search.suite) & (cells["method"] == search.method)
    found = cells[of_search & cells["recipe"].isin([SHARED, TUNED]) & cells["times"].isna()][ROW].drop_duplicates()
    places = [dict(zip(ROW, place, strict=True)) for place in found.itertuples(index=False, name=None)]
    return places or [search.model_dump(include={*ROW})]


def _pair(pairs: pd.DataFrame, place: Mapping[str, Any]) -> dict[str, float]:
    here = pairs[(pairs[ROW] == pd.Series(place)).all(axis=1)]
    shared, tuned = here["test_top1_pct_shared"], here["test_top1_pct_tuned"]
    return {
        "shared_pct": shared.mean(),
        "tuned_pct": tuned.mean(),
        "difference_pct": (tuned - shared).mean(),
        "difference_half_pct": half_interval(tuned - shared),
        "n_pairs": len(here),
    }


def _ranks(ranks: pd.DataFrame) -> dict[tuple[Any, Any], tuple[Any, ...]]:
    return {(row.suite, row.method): (row.rank_low, row.rank_high, row.of) for row in ranks.itertuples()}


def _ranked(ranks: Mapping[str, Mapping[tuple[Any, Any], tuple[Any, ...]]], search: Search) -> dict[str, Any]:
    found = [ranks[recipe].get((search.suite, search.method), (pd.NA,) * 3) for recipe in (SHARED, TUNED)]
    return dict(zip(RANKED, (value for ranked in found for value in ranked), strict=True))


def _said(search: Search, suite: Suite | None, place: Mapping[str, Any]) -> dict[str, Any]:
    """What was tried, and what was chosen of it; a variant that was not searched trains by the recipe alone."""
    effort = {
        "searched_modules": search.modules,
        "trials": len(search.trials),
        "trials_ok": sum(trial.status == "ok" for trial in search.trials),
    }
    chosen = search.chosen
    if chosen is None:
        return effort
    recipe = (suite.recipe.model_dump(include={*RECIPE_COLUMNS}) if suite else {}) | chosen.recipe
    other = {name: value for name, value in chosen.recipe.items() if name not in RECIPE_COLUMNS}
    return effort | {
        "configuration": chosen.number,
        "origin": chosen.origin,
        **{name: recipe.get(name) for name in RECIPE_COLUMNS},
        "recipe": _json(other),
        "options": _json(chosen.options if place["variant"] == search.variant else {}),
    }


def _json(values: Mapping[str, object]) -> str | None:
    return json.dumps(values, sort_keys=True, ensure_ascii=False) if values else None
