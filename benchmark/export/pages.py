"""The pages of the static leaderboard: from the tables of results/ to HTML, a function for each page."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from benchmark.display import by_family, explanations, feed, reading, texts
from benchmark.display.charts import FAMILIES
from benchmark.display.claims_style import claims_style
from benchmark.display.download import csv_for_spreadsheets, parquet
from benchmark.display.gap import said_of_methods
from benchmark.display.gap_style import gap_style
from benchmark.display.headline import STYLE as HEADLINE
from benchmark.display.looks import LINES
from benchmark.display.recipe_line import recipe_line
from benchmark.display.submission import LAST, REVIEW, STEPS
from benchmark.display.traits import TRAITS
from benchmark.display.trusted import trusted
from benchmark.export import columns
from benchmark.export.changes_page import changes_page
from benchmark.export.chart_pages import chart_pages
from benchmark.export.claims_page import claims_page
from benchmark.export.columns import page_name
from benchmark.export.compare_page import compare_data, compare_page
from benchmark.export.fit_page import fit_page
from benchmark.export.map_page import first_lines, map_page
from benchmark.export.method_pages import method_pages
from benchmark.export.results import Results
from benchmark.export.table import Table, make_table, text
from benchmark.export.taking import take_away, with_lines
from benchmark.export.track_pages import track_pages
from benchmark.submitting.new import starting_file
from benchmark.tables.blocks import suites_in_order
from benchmark.tables.columns import COLUMNS, dictionary
from benchmark.tables.ranking import OVERALL
from benchmark.tables.reproduced import RULE, summary

NAVIGATION = {
    "index.html": "Leaderboard",
    "claims.html": "Claims",
    "map.html": "Map",
    "trade-offs.html": "Trade-offs",
    "fit.html": "Does it fit?",
    "modules.html": "Modules",
    "curves.html": "Curves",
    "tracks.html": "Tracks",
    "published.html": "Published",
    "compare.html": "Compare",
    "methods.html": "Methods",
    "runs.html": "Runs",
    "changes.html": "Changes",
    "submit.html": "Submit",
}


def render(results: Results) -> dict[str, bytes]:
    """File names and contents of the whole folder; the same results give the same bytes."""
    environment = Environment(
        loader=PackageLoader("benchmark.export"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"navigation": NAVIGATION, "page_name": page_name, "web_address": reading.web_address}
    environment.globals |= {"edition": results.edition, "feed": feed.NAME, "explain": explanations}
    environment.globals |= {"families": by_family}
    environment.filters["backticks"] = explanations.with_code
    changed, made_feed = changes_page(results.folder)
    made: dict[str, bytes] = {"leaderboard.csv": _as_file(results.folder / "leaderboard.csv"), **_static()}
    made["leaderboard.parquet"] = parquet(results.board[list(COLUMNS)])
    made["leaderboard-columns.csv"] = csv_for_spreadsheets(dictionary())
    made |= {name: _as_file(results.folder / name) for track in results.tracks.values() for name in track.files}
    made[feed.NAME] = made_feed
    made |= compare_data(results)
    made |= {name: path.read_bytes() for name, path in results.records.items()}
    for name, template, said in (*_pages(results), changed):
        here = next((page for page in NAVIGATION if name.startswith(page.removesuffix(".html").rstrip("s"))), name)
        made[name] = environment.get_template(template).render(here=here, **said).encode()
    return made


def _as_file(table: Path) -> bytes:
    """A table for the reader's spreadsheet, its numbers written as they are."""
    return csv_for_spreadsheets(pd.read_csv(table, dtype=str, keep_default_na=False))


def _static() -> dict[str, bytes]:
    """The style, with the colours that the charts give the families, and the script."""
    static = files("benchmark.export") / "static"
    colours = "".join(f"  --{family.split(' ')[0]}: {colour};\n" for family, (colour, _) in FAMILIES.items())
    colours += "".join(f"  --row-{side}: {colour};\n" for side, colour in zip("ab", LINES, strict=False))
    style = f":root {{\n{colours}}}\n" + (static / "page.css").read_text(encoding="utf-8")
    style += HEADLINE + gap_style() + claims_style()
    scripts = {name: (static / name).read_bytes() for name in ("tables.js", "copy.js", "fit.js", "compare.js")}
    return {"page.css": style.encode(), **scripts}


def _pages(results: Results) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, template and content of each page."""
    yield "index.html", "index.html", _leaderboard(results)
    yield "claims.html", "claims.html", claims_page(results)
    yield "map.html", "map.html", map_page(results)
    yield from chart_pages(results.board, results.curves)
    yield "fit.html", "fit.html", fit_page(results.fit, results.methods)
    yield "published.html", "published.html", _published(results)
    yield from track_pages(results)
    yield "compare.html", "compare.html", compare_page(results)
    yield "methods.html", "methods.html", _methods(results)
    yield from method_pages(results)
    yield from _runs(results)
    yield (
        "submit.html",
        "submit.html",
        {"steps": STEPS, "last": LAST, "example": starting_file("my_method"), "review": REVIEW},
    )


def _leaderboard(results: Results) -> dict[str, Any]:
    rows = reading.without_references(results.board)
    return {
        **first_lines(results),
        "rows": with_lines(make_table("rows", rows, columns.leaderboard()), rows),
        "take": take_away(results.edition),
        "tuning": _tuning(results),
        "ranking": _ranking(results),
        "overall": len(results.ranks) > 0 and (results.ranks["suite"] == OVERALL).any(),
        "recipes": _recipes(results),
        "texts": texts,
        "one_seed": reading.one_seed_suites(results.board),
        "trusted": trusted(rows),
        "planned": make_table("planned", results.plans, columns.plans()) if len(results.plans) else None,
    }


def _recipes(results: Results) -> dict[str, str]:
    """How each suite that has rows trains, in a sentence."""
    found = suites_in_order(results.board) if len(results.board) else []
    return {suite: recipe_line(results.suites[suite]) for suite in found if suite in results.suites}


def _ranking(results: Results) -> Table | None:
    """A row a method that has a rank, with its ranks and score in each suite that ranks; none where none does."""
    ranks = results.ranks
    ranked = ranks[ranks["rank"] != ""] if len(ranks) else ranks
    if ranked.empty:
        return None
    suites = [suite for suite in suites_in_order(results.board) if suite in set(ranked["suite"])]
    order = ranked.assign(place=ranked["suite"].map({OVERALL: 0} | {suite: i for i, suite in enumerate(suites, 1)}))
    order = order.sort_values(["place", "rank_low", "rank_high", "score"], ascending=[True, True, True, False])
    table = order.drop_duplicates("method").set_index("method")[["family"]]
    overall = ranks[ranks["suite"] == OVERALL].set_index("method")[["rank", "score", "missing"]]
    table = table.join(overall.set_axis(["overall", "borda", "missing"], axis=1)).fillna({"overall": "", "missing": ""})
    table["title"] = results.board.drop_duplicates("method").set_index("method")["title"]
    for suite in suites:
        rows = ranked[ranked["suite"] == suite].set_index("method")
        said = rows["rank"] + rows["of"].map(" of {:.0f}".format) + rows["score"].map(" ({:.2f})".format)
        table[f"in {suite}"] = said.reindex(table.index).fillna("–")
    return make_table("ranking", table.reset_index(), columns.ranks(suites))


def _tuning(results: Results) -> Table | None:
    """What tuning changed of every method, by suite; none where nothing was tuned."""
    changed = results.tuning
    changed = changed.dropna(subset=["tuned_pct"]) if len(changed) else changed  # a search may still go on
    if changed.empty:
        return None
    titles = {name: said.get("title", name) for name, said in results.methods.items()}
    changed = changed.assign(title=changed["method"].map(titles).fillna(changed["method"]))
    order = ["suite", "modules", "difference_pct"]
    return make_table("tuning", changed.sort_values(order, ascending=[True, True, False]), columns.tuning())


def _published(results: Results) -> dict[str, Any]:
    reproductions = results.reproductions
    if reproductions.empty:
        return {"reproductions": None}
    table = make_table("reproductions", reading.judged_first(reproductions), columns.reproductions())
    return {"reproductions": table, "summary": summary(reproductions), "rule": RULE}


def _methods(results: Results) -> dict[str, Any]:
    traits = said_of_methods(results.board, results.methods)
    rows = [
        {
            "method": name,
            "id": name,
            "title": said.get("title", name),
            **{trait: traits[name][trait] for trait in TRAITS},
            "requires": said.get("requires") or "",
            "authors": said.get("authors", ""),
            "year": said.get("year", ""),
            "paper": said.get("paper"),
        }
        for name, said in results.methods.items()
    ]
    return {"methods": make_table("methods", pd.DataFrame(rows), columns.methods())}


def _runs(results: Results) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The suites, all cells that did not end ``ok``, and a page of all cells for each suite."""
    cells = results.cells
    if cells.empty:
        yield "runs.html", "runs.html", {"suites": None, "failed": None}
        return
    failed = cells[cells["status"] != "ok"]
    suites = _suites(results)
    yield (
        "runs.html",
        "runs.html",
        {
            "suites": make_table("suites", suites, columns.suites()),
            "idle": [name for name in results.suites if name not in set(suites["suite"])],
            "failed": make_table("failed", failed, [*columns.runs()[:1], text("suite", "Suite"), *columns.runs()[1:]])
            if len(failed)
            else None,
        },
    )
    for suite, rows in cells.groupby("suite", sort=True):
        yield (
            page_name("runs", str(suite)),
            "runs-suite.html",
            {
                "suite": suite,
                "title": results.suites.get(str(suite), {}).get("title", ""),
                "recipe": _recipes(results).get(str(suite), ""),
                "runs": make_table("runs", rows, columns.runs()),
                "how_to_object": results.how_to_object,
            },
        )


def _suites(results: Results) -> pd.DataFrame:
    """The suites that have cells, or planned rows."""
    status = results.cells.groupby("suite")["status"]
    counts = pd.DataFrame({"cells": status.size(), "ok": status.agg(lambda s: (s == "ok").sum())})
    plans = results.plans.groupby("suite").size() if len(results.plans) else pd.Series(dtype=int)
    counts = counts.reindex(sorted({*counts.index, *plans.index})).fillna(0).astype(int)
    counts["title"] = [results.suites.get(suite, {}).get("title", "") for suite in counts.index]
    counts = counts.assign(other=counts["cells"] - counts["ok"], planned=plans.reindex(counts.index).fillna(0))
    return counts.rename_axis("suite").reset_index()
