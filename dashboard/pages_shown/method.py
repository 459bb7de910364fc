"""One method: what it is, its results everywhere, its settings, and the file that produced them.

All of it is a plugin's text: shown as code or escaped, never as Markdown or HTML.
"""

import json
from typing import Any

import pandas as pd
import streamlit as st
from choosers import one_of, row
from columns_shown import (
    FIDELITY,
    LEADERBOARD,
    MODULES,
    OBJECT,
    PLANNED,
    RANK,
    REPRODUCTIONS,
    TRIALS,
    TUNING,
    as_shown,
    number,
    reproductions_shown,
    text,
)
from escaping import link, plain
from objections import how_to_object, objection_addresses
from parts import NO_CELLS, board_or_stop, download, show_chart, show_table
from reading import cells, fidelity, methods, plans, trials, tuning

from benchmark.display import explanations, standing
from benchmark.display.citation import OWN_TITLE, bibtex, published_title
from benchmark.display.reading import web_address
from benchmark.display.trials import search_chart
from benchmark.tables.cells import SHORT
from benchmark.tables.columns import COLUMNS

MADE = ["suite", "method", "method_sha256", "started_utc"]
ELSEWHERE = ("rank", "label", "name", "family_chip", "paper", "code", "requires", "removes")  # said above the table
SHOWN = {
    "suite": text("suite", "Suite", 120, pinned=True),
    "modules": MODULES,
    "variant": text("variant", "Variant", 85),
    "recipe": text("recipe", "Recipe", 75),
    "times": number("times", "× epochs", "%g", 80),
    "test_top1_pct": LEADERBOARD["test_top1_pct"],  # seen on a phone without scrolling
    "rank": RANK,
    **{name: look for name, look in LEADERBOARD.items() if name not in ELSEWHERE},
    "object": OBJECT,
}


def main() -> None:
    """The page."""
    board, said = board_or_stop(), methods()
    with row():
        names = sorted({*said, *board["method"]})
        method = one_of("Method", names, "method", 320)
    about = said.get(method, {})
    st.title(plain(about.get("title", method)), anchor=False)
    st.markdown(who(about))
    if about.get("doc"):
        st.code(about["doc"], language=None, wrap_lines=True)
    rows = board[board["method"] == method]
    st.header("Results", anchor=False)
    if rows.empty:
        st.info("Nobody has run this method yet.")
    else:
        show_results(rows, method)
    show_search(method)
    show_planned(method)
    show_published(method)
    show_fidelity(method)
    left, right = st.columns(2)
    with left:
        show_settings(about)
    with right:
        show_citation(method, about)
    show_file(method, about.get("files", {}))


def who(about: dict[str, Any]) -> str:
    """Authors, year, link and claims, escaped."""
    parts = [about.get("authors"), about.get("year")]
    said = [plain(part) for part in parts if part]
    if address := web_address(about.get("paper")):
        said.append(link("paper", address))
    said += [plain(part) for part in (about.get("family"), about.get("requires")) if part]
    if locks := about.get("removes"):
        said.append(plain("removes the locks of " + ", ".join(map(str, locks))))
    asked = f"{standing.LABEL} on our rows: {standing.standing(about)}"
    said.append(link(asked, standing.standing_link(about)))
    return " · ".join(said)


def show_fidelity(method: str) -> None:
    """How far it is from its authors' code, where that was run beside it."""
    told = of_method(fidelity(), method)
    if len(told):
        st.header("Fidelity", anchor=False)
        st.caption(explanations.FIDELITY)
        show_table(told, FIDELITY, f"Fidelity, {len(told)}", most=6)


def show_results(rows: Any, method: str) -> None:
    """Its rows in all suites."""
    shown = as_shown(rows).assign(object=objection_addresses(rows["records"]))
    show_table(shown, SHOWN, f"Results, {len(rows)} rows", most=14)
    download(rows[list(COLUMNS)], "".join(c for c in method if c.isalnum() or c == "_"))
    st.caption(how_to_object())


def show_search(method: str) -> None:
    """How its recipe was found in a suite: every trial, what was chosen, and what that changed."""
    tried = trials(method)
    if tried.empty:
        return
    st.header("Search for its recipe", anchor=False)
    with row("-search"):
        suite = one_of("Suite", sorted(tried["suite"].unique()), "searched", 200)
    tried, changed = tried[tried["suite"] == suite], tuning()
    if tried[["validation_top1", "lr"]].dropna().empty:
        st.caption("No trial has ended yet.")
    else:
        show_chart(search_chart(tried))
    st.caption(explanations.SEARCH)
    show_table(tried, TRIALS, f"Trials, {len(tried)}", most=12)
    changed = changed[(changed["method"] == method) & (changed["suite"] == suite)] if len(changed) else changed
    if len(changed):
        st.caption(explanations.TUNING)
        columns = {name: look for name, look in TUNING.items() if name not in ("method", "suite")}
        show_table(changed, columns, f"Shared against tuned, {len(changed)}", always=("shared_pct", "tuned_pct"))


def of_method(rows: pd.DataFrame, method: str, by: str = "method") -> pd.DataFrame:
    """Its rows of a table; of a file that is missing there are no columns either."""
    return rows[rows[by] == method] if len(rows) else rows


def show_settings(about: dict[str, Any]) -> None:
    """Hyper-parameters: what holds by default, and what the variants change."""
    st.header("Hyper-parameters", anchor=False)
    for name, title in {"defaults": "Defaults", "variants": "Variants"}.items():
        if about.get(name):
            st.caption(title)
            st.code(json.dumps(about[name], indent=1, ensure_ascii=False), language="json", wrap_lines=True)
    if not about.get("defaults") and not about.get("variants"):
        st.caption("It has none of its own; the suite says the recipe.")


def show_citation(method: str, about: dict[str, Any]) -> None:
    """A block for a bibliography."""
    st.header("Citation", anchor=False)
    st.code(bibtex(method, about), language=None, wrap_lines=True)
    if not published_title(about):
        st.caption(OWN_TITLE)


def show_published(method: str) -> None:
    """The papers' figures of the method, under whatever name they call it, beside ours."""
    figures = of_method(reproductions_shown(), method, "our_method")
    if len(figures):
        st.header("Published against measured", anchor=False)
        show_table(
            figures,
            REPRODUCTIONS,
            f"Published figures, {len(figures)}",
            most=12,
            always=("ours", "difference"),
        )


def show_planned(method: str) -> None:
    """What is predicted of its rows that nobody has run."""
    planned = of_method(plans(), method)
    if len(planned):
        st.header("Planned, not run", anchor=False)
        st.caption(explanations.PLANNED)
        show_table(planned, PLANNED, f"Planned rows, {len(planned)}", most=12)


def show_file(method: str, files: dict[str, dict[str, str]]) -> None:
    """The file as it was when a record was made with it; of several, that of the newest record first."""
    st.header("File", anchor=False)
    if not files:
        st.caption("No record names a file of this method.")
        return
    everything = cells()
    if everything.empty:
        st.caption(NO_CELLS)
    made = everything.reindex(columns=MADE).query("method == @method").sort_values("started_utc", ascending=False)
    newest = list(dict.fromkeys(made["method_sha256"]))
    short = sorted((sha[:SHORT] for sha in files), key=lambda sha: newest.index(sha) if sha in newest else len(newest))
    with row("-file"):
        sha = one_of("Version (SHA-256)", short, "file", 200)
    whole = next(name for name in files if name.startswith(sha))
    suites = made.loc[made["method_sha256"] == sha, "suite"].value_counts()
    records = ", ".join(f"{n} of {suite}" for suite, n in suites.items())
    commit = plain(f"From commit {str(files[whole]['commit'])[:SHORT]}.")
    first = str(files[whole].get("edition_of", ""))[:SHORT]
    same = plain(f" {explanations.EDITION} {first}.") if first else ""
    st.caption(commit + (plain(f" It made these records: {records}.") if records else "") + same)
    st.code(files[whole]["source"], language="python", line_numbers=True, wrap_lines=True)


main()
