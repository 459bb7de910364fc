"""One page a method: what it says of itself, its results everywhere, and the files that produced them."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmark.display import standing
from benchmark.display.citation import OWN_TITLE, bibtex, published_title
from benchmark.display.trials import read_trials, search_chart
from benchmark.export import columns
from benchmark.export.figures import HALF, figure
from benchmark.export.results import Results
from benchmark.export.table import Column, Table, make_table, outward
from benchmark.tables.cells import SHORT
from benchmark.tables.ranking import OVERALL


def method_pages(results: Results) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, template and content of each page."""
    for method, said in results.methods.items():
        page = {
            "said": {"title": method, "doc": ""} | said,
            "facts": _facts(method, said),
            "ranks": _ranks(results, method),
            "fidelity": _table("fidelity", results.fidelity, method, columns.fidelity()),
            "rows": _table("rows", results.board, method, columns.leaderboard()),
            **_search(results, method),
            "planned": _table("planned", results.plans, method, columns.plans()),
            "published": _table("reproductions", results.reproductions, method, columns.reproductions(), "our_method"),
            "citation": bibtex(method, said),
            "own_title": "" if published_title(said) else OWN_TITLE,
            "options": _options(said),
            "files": list(_files(results, method, said)),
            "how_to_object": results.how_to_object,
        }
        yield columns.page_name("method", method), "method.html", page


def _table(name: str, rows: pd.DataFrame, method: str, shown: list[Column], by: str = "method") -> Table | None:
    rows = rows[rows[by] == method] if len(rows) else rows
    return make_table(name, rows, shown) if len(rows) else None


def _search(results: Results, method: str) -> dict[str, Any]:
    """Every trial of its searches, a chart for each suite, and what the choice changed."""
    tried = read_trials(results.folder, method, results.tuning)
    drawn = tried.dropna(subset=["validation_top1", "lr"]).groupby("suite", sort=True)
    return {
        "trials": make_table("trials", tried, columns.trials()) if len(tried) else None,
        "searches": [
            figure(f"Trials in {suite}", f"search{i}", HALF, search_chart, rows)
            for i, (suite, rows) in enumerate(drawn)
        ],
        "tuning": _table("tuning", results.tuning.assign(title=method), method, columns.tuning()[1:]),
    }


def _facts(method: str, said: dict[str, Any]) -> dict[str, str]:
    """Label and text; what is empty is not shown."""
    reach = said.get("reach")
    return {
        "Id": method,
        "Family": str(said.get("family") or ""),
        "Authors": str(said.get("authors") or ""),
        "Year": str(said.get("year") or ""),
        "Paper": outward(said.get("paper"), str(said.get("paper"))),
        "Locks removed": ", ".join(map(str, said.get("removes") or [])) or "none",
        "Losses reach": {None: "", 0: "their own module"}.get(reach, f"{reach} modules beside their own"),
        "Requires": str(said.get("requires") or ""),
        f"{standing.LABEL} on our rows": _standing(said),
    }


def _standing(said: dict[str, Any]) -> str:
    words = standing.standing(said)
    return outward(standing.standing_link(said), words) or words


def _ranks(results: Results, method: str) -> list[str]:
    """``rank 3–7 of 29 in cifar10``, or why there is none."""
    if results.ranks.empty:
        return []
    rows = results.ranks[results.ranks["method"] == method]
    return [_rank(row) for row in rows.to_dict("records")]


def _rank(row: dict[Any, Any]) -> str:
    where = "overall" if row["suite"] == OVERALL else f"in {row['suite']}"
    if not row["rank"]:
        return f"no rank {where} ({row['missing']})"
    return f"rank {row['rank']} of {int(row['of'])} {where}"


def _options(said: dict[str, Any]) -> Table | None:
    """A row an option: its default, and what each variant sets."""
    defaults, variants = said.get("defaults") or {}, said.get("variants") or {}
    names = list(dict.fromkeys([*defaults, *(name for changed in variants.values() for name in changed)]))
    rows = [
        {"Option": name, "Default": _literal(defaults, name)}
        | {f"in {variant}": _literal(changed, name) for variant, changed in variants.items()}
        for name in names
    ]
    if not rows:
        return None
    shown = [_of_option(label) for label in rows[0]]
    return make_table("options", pd.DataFrame(rows), shown)


def _of_option(label: str) -> Column:
    return Column(label, lambda row: str(row[label]))


def _literal(options: dict[str, Any], name: str) -> str:
    return json.dumps(options[name], ensure_ascii=False) if name in options else ""


def _files(results: Results, method: str, said: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The files that records name, with how many cells each produced; the one with most of them first."""
    cells = results.cells
    mine = cells[cells["method"] == method] if len(cells) else pd.DataFrame(columns=["method_sha256", "suite"])
    made = {sha: mine[mine["method_sha256"] == sha[:SHORT]] for sha in said.get("files") or {}}
    for sha in sorted(made, key=lambda sha: (-len(made[sha]), sha)):
        by_suite = made[sha].groupby("suite").size()
        words = ", ".join(f"{n} cells of {suite}" for suite, n in by_suite.items())
        yield {"sha": sha, "cells": words, **said["files"][sha]}
