"""The verdicts on claims in the terminal."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.errors import UserError
from benchmark.schema.claims import NAME
from benchmark.schema.text import printable
from benchmark.tables.claims import CONTRADICTED, SIMULATED, SUPPORTED
from benchmark.tables.columns import with_interval

STYLES = {SUPPORTED: "green", CONTRADICTED: "red"}


def check_claim(claim: str, known: Sequence[str]) -> None:
    """Make sure that there is such a claim.

    Raises:
        UserError: there is not; names the nearest.
    """
    if claim not in known:
        near = difflib.get_close_matches(claim, known) or known[:3]
        raise UserError(f"There is no claim {printable(claim)} in {NAME}; did you mean {', '.join(near)}?")


def print_claims(results: Path, claim: str | None, console: Console) -> None:
    """All verdicts, or one of them with its cases.

    Raises:
        UserError: there is no ``claims.yaml``, or no such claim in it.
    """
    if not (results / "claims.csv").exists():
        raise UserError(f"There is no {NAME} here, or no claim in it; its fields are in benchmark/schema/claims.py.")
    found = pd.read_csv(results / "claims.csv")
    if claim is None:
        _print(found, console)
        return
    check_claim(claim, list(found["claim"]))
    row = found[found["claim"] == claim].iloc[0]
    cases = pd.read_csv(results / "claim_cases.csv")
    cases = cases[cases["claim"] == claim]
    for line in (f"“{row['says']}” ({row['words']}: {row['source']})", row["test"], f"{row['verdict']}. {row['why']}"):
        console.print(Text(str(line)), highlight=False)
    if len(cases):
        _print_cases(cases, str(row["unit"]), console)


def _print(found: pd.DataFrame, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("claim", overflow="fold", min_width=26)
    for name in ("effect", "n", "p", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in found.to_dict("records"):
        seeds = "" if pd.isna(row["seeds_needed"]) else f"{row['seeds_needed']:.0f}"
        n = "" if pd.isna(row["n"]) else f"{row['n']:g}"
        p = "" if pd.isna(row["p"]) else f"{row['p']:.2g}" if row["p"] >= 0.001 else "<.001"
        alone = ", simulated" if row["evidence"] == SIMULATED else ""
        verdict = Text(f"{row['verdict']}{alone}", STYLES.get(str(row["verdict"]), ""))
        table.add_row(Text(str(row["claim"])), Text(_effect(row)), n, p, seeds, verdict)
    console.print(table)
    counts = found["verdict"].value_counts()
    console.print(
        f"{len(found)} claims: "
        + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        + ". seeds: how "
        "many would decide it. `beyond claims NAME` shows a claim's settings.",
        style="dim",
        highlight=False,
    )


def _print_cases(cases: pd.DataFrame, unit: str, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("suite", "recipe", "compare", "against"):
        table.add_column(name, overflow="fold")
    table.add_column(unit, justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    for row in cases.to_dict("records"):
        mark = "→" if row["decides"] == "yes" else "(" if row["smoke_test"] == "yes" else ""
        said = ("" if pd.isna(row[name]) else str(row[name]) for name in ("suite", "recipe", "compare", "against"))
        table.add_row(mark, *map(Text, said), Text(_effect(row | {"unit": ""})), str(row["n"] or "–"))
    console.print(table)
    console.print(
        "→ decides; ( a smoke test, which decides nothing; n – simulated alone, by `beyond plan`.",
        style="dim",
        highlight=False,
    )


def _effect(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["effect"]):
        return ""
    unit = "" if row["unit"] == "points" else f" {row['unit']}"
    return with_interval(row["effect"], row["half"], "+") + unit.rstrip()
