"""The page of the survey's tree, the grid of traits and the glossary; and the picture and lead of the first page."""

from typing import Any

from benchmark.display import gap, grid, survey
from benchmark.display.glossary import definitions, glossary
from benchmark.display.headline import headline
from benchmark.display.lead import EVERY, lead
from benchmark.display.network import ALT, network
from benchmark.display.reading import without_references
from benchmark.display.rows import query_of
from benchmark.export.columns import leaderboard, page_name
from benchmark.export.results import Results
from benchmark.tables.blocks import suites_in_order
from benchmark.tables.columns import REFERENCE


def first_lines(results: Results) -> dict[str, Any]:
    """What stands above the table of rows: the lead of the suite that the board opens on, and the picture of gaps."""
    methods = gap.said_of_methods(results.board, results.methods)
    columns = gap.gap_columns(results.board)
    ranked = sum(said["family"] != REFERENCE for said in methods.values())
    opening = suites_in_order(results.board)[0]
    rows = without_references(results.board[(results.board["suite"] == opening) & (results.board["leads"] == "yes")])
    return {
        "every": EVERY,
        "headline": headline(rows[rows["backbone"].isin(rows["backbone"][:1])]),
        "lead": lead(opening, results.board, results.reproductions, results.suites, ranked),
        "gap": {
            "title": gap.TITLE,
            "legend": gap.labels_legend(),
            "table": gap.gap_table(columns, methods, _method),
            "how": gap.HOW + gap.left_out(columns),
        },
    }


def map_page(results: Results) -> dict[str, Any]:
    """Tree, grid, network, words, and what each heading of the board means."""
    methods = gap.said_of_methods(results.board, results.methods)
    columns = gap.gap_columns(results.board)
    return {
        "tree": survey.tree(methods, _method),
        "tree_says": survey.FROM,
        "grid": grid.grid(methods, columns, _method, _rows),
        "grid_says": grid.HOW,
        "legend": gap.labels_legend(),
        "network": network(),
        "network_says": ALT,
        "words": glossary(),
        "headings": definitions((column.label, column.meaning) for column in leaderboard() if column.meaning),
    }


def _method(name: str) -> str:
    return page_name("method", name)


def _rows(traits: dict[str, str]) -> str:
    return f"index.html#{query_of(traits)}"
