"""The pages of charts: a section for each suite, backbone and recipe, as accuracy means nothing across them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from benchmark.display import by_family
from benchmark.display.charts import AMOUNTS, REFERENCES, by_modules, learning_curves, on_front, trade_off
from benchmark.display.reading import one_seed_suites, reference_runs, without_references
from benchmark.display.texts import SMOKE_TESTS, short_names
from benchmark.export import columns
from benchmark.export.figures import HALF, WHOLE, Figure, figure
from benchmark.export.table import Table, make_table
from benchmark.schema.suite import TWIN
from benchmark.tables.blocks import suites_in_order
from benchmark.tables.cells import SHARED
from benchmark.tables.columns import CURVE, SMOKE_TEST

SETTING = ["suite", "backbone", "behind", "recipe"]  # of a suite and backbone, the recipe that leads first
TOGETHER = 10  # lines in a chart: more colours cannot be told apart
COSTS = {
    "memory_ratio": "Accuracy against peak memory",
    "time_ratio": "Accuracy against time",
    "train_tflops": "Accuracy against the FLOPs of the training",
}
MEASURE = "validation accuracy, %"


class Section(NamedTuple):
    """The charts of one suite, backbone and recipe, and the tables that belong to them."""

    anchor: str
    title: str
    figures: list[Figure]
    front: Table | None = None
    reference: Table | None = None
    one_seed: bool = False
    smoke: str = ""
    families: Table | None = None
    says: str = ""


def chart_pages(board: pd.DataFrame, curves: pd.DataFrame) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, template and content of the three pages.

    Args:
        board: the leaderboard.
        curves: the table of learning curves.
    """
    if len(curves):
        about = board[[*CURVE, "kind", "behind", "test_top1_pct"]].drop_duplicates(CURVE)
        curves = without_references(curves.merge(about, on=CURVE))
    one_seed = one_seed_suites(board)
    recipes: dict[Any, int] = dict(board.groupby("suite")["recipe"].nunique())
    smoke = set(board.loc[board["role"] == SMOKE_TEST, "suite"])
    order = {suite: i for i, suite in enumerate(suites_in_order(board))}  # as the first page has them
    pages = {"trade-offs": (_trade_offs, board), "modules": (_modules, board), "curves": (_curves, curves)}
    for page, (section, rows) in pages.items():
        settings: list[Any] = list(rows.groupby(SETTING, sort=True)) if len(rows) else []
        settings.sort(key=lambda setting: order[setting[0][0]])
        made = [
            section(f"s{i}", f"{suite}, {backbone}{_called(recipe, recipes[suite])}", part)._replace(
                one_seed=suite in one_seed, smoke=SMOKE_TESTS if suite in smoke else ""
            )
            for i, ((suite, backbone, _, recipe), part) in enumerate(settings)
        ]
        yield f"{page}.html", f"{page}.html", {"sections": [part for part in made if part.figures]}


def _called(recipe: object, recipes: int) -> str:
    return f", {recipe}" if recipes > 1 or recipe != SHARED else ""


def _trade_offs(anchor: str, title: str, rows: pd.DataFrame) -> Section:
    curve = reference_runs(rows, rows)
    rows = without_references(rows)
    figures, fronts = [], pd.Series(False, index=rows.index)
    for cost, says in COSTS.items():
        points = rows.dropna(subset=["test_top1_pct", cost])
        if len(points) > 1:
            references = rows[rows["method"].isin(REFERENCES)]
            drawn = curve if cost in AMOUNTS else None
            figures.append(figure(says, f"{anchor}-{cost}", WHOLE, trade_off, rows, references, cost, drawn))
            front = on_front(points.assign(x=points[cost], y=points["test_top1_pct"]))
            fronts |= front.reindex(rows.index, fill_value=False)
    table = make_table("front", rows[fronts], columns.front())
    reference = make_table("reference", curve, columns.reference()) if len(curve) else None
    return Section(anchor, title, figures, table if figures else None, reference)


def _modules(anchor: str, title: str, rows: pd.DataFrame) -> Section:
    """Nothing where there is one K: a line needs two points."""
    figures: list[Figure] = []
    rows = without_references(rows)
    grown = rows[rows["modules"] > 1].dropna(subset=["test_top1_pct", "memory_ratio"])
    if grown["modules"].nunique() > 1:
        for says, part in _ten_by_ten(grown):
            shown = pd.concat([part, rows[rows["method"] == TWIN]])
            for measure, words in {"test_top1_pct": "Test accuracy", "memory_ratio": "Peak memory"}.items():
                name = f"{anchor}-{len(figures)}"
                figures.append(figure(f"{words}, {says}", name, HALF, by_modules, shown, measure))
    families = by_family.by_family(rows)
    table = make_table("families", families, columns.families(by_family.ks_of(rows))) if len(families) else None
    return Section(anchor, title, figures, families=table, says=by_family.in_a_sentence(rows))


def _curves(anchor: str, title: str, rows: pd.DataFrame) -> Section:
    """The largest K of the setting, and methods that are never cut."""
    of_method = rows.groupby("method")["modules"].transform("max")
    drawn = rows[(rows["modules"] == rows["modules"].max()) | (of_method == 1) | (rows["method"] == TWIN)]
    figures = [
        figure(f"Validation accuracy, {says}", f"{anchor}-{i}", HALF, _draw_curves, part)
        for i, (says, part) in enumerate(_ten_by_ten(drawn))
    ]
    return Section(anchor, title, figures)


def _draw_curves(rows: pd.DataFrame) -> Any:
    long = rows.assign(run=short_names(rows), measure=MEASURE).rename(columns={"validation_top1": "value"})
    return learning_curves(long[["run", "epoch", "measure", "value"]])


def _ten_by_ten(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of ten lines at a time, those of the highest mean accuracy first, and what to call them."""
    rows = rows.assign(line=short_names(rows))
    lines = rows.groupby("line")["test_top1_pct"].mean().sort_values(ascending=False, kind="stable").index
    for first in range(0, len(lines), TOGETHER):
        part = {line: i for i, line in enumerate(lines[first : first + TOGETHER])}
        numbers = f"methods {first + 1} to {first + len(part)} of {len(lines)} by accuracy"
        place = rows["line"].map(part)
        chosen = rows[place.notna()].assign(place=place).sort_values(["place", "modules"], kind="stable")
        yield numbers if len(lines) > TOGETHER else "all methods", chosen.drop(columns=["place", "line"])
