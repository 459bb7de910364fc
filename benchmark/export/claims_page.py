"""The page of claims: the list that both front ends share, and a table that can be filtered."""

from collections.abc import Mapping
from typing import Any

from benchmark.display import claims
from benchmark.display.rows import query_of
from benchmark.export.columns import claims as columns
from benchmark.export.results import Results
from benchmark.export.table import make_table


def claims_page(results: Results) -> dict[str, Any]:
    """What the template needs."""
    said = results.claims
    if said.claims.empty:
        return {"title": claims.TITLE, "lead": claims.LEAD, "claims": None, "missing": claims.MISSING}
    return {
        "title": claims.TITLE,
        "lead": claims.LEAD,
        "summary": claims.summary(said.claims),
        "how": claims.HOW,
        "add": claims.ADD,
        "list": claims.claims_list(said, _compare, _rows),
        "claims": make_table("claims", said.claims, columns()),
    }


def _compare(query: Mapping[str, str]) -> str:
    return f"compare.html#{query_of(query)}"


def _rows(query: Mapping[str, str]) -> str:
    if "recipe" not in query:  # of rows that nobody trained
        return "index.html#planned"
    return f"index.html#{query_of(query)}"
