"""One method: what it is, its results everywhere, its settings, and the file that produced them.

All of it is a plugin's text: shown as code or escaped, never as Markdown or HTML.
"""

import json
import re
from typing import Any

import streamlit as st
from columns_shown import LEADERBOARD, MODULES, as_shown, number, text
from escaping import link, plain
from parts import board_or_stop, download, one_of, row, show_table
from reading import cells, methods

from benchmark.display.reading import web_address

SHORT = 12  # characters of a hash, as in the table of runs
ELSEWHERE = ("rank", "label", "name", "family_chip", "paper", "code", "requires", "removes")  # said above the table
SHOWN = {
    "suite": text("suite", "Suite", 120, pinned=True),
    "modules": MODULES,
    "variant": text("variant", "Variant", 85),
    "test_top1_pct": LEADERBOARD["test_top1_pct"],  # seen on a phone without scrolling
    "rank": number("rank", "Rank", "%d", 55),
    **{name: look for name, look in LEADERBOARD.items() if name not in ELSEWHERE},
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
    st.subheader("Results", anchor=False)
    if rows.empty:
        st.info("Nobody has run this method yet.")
    else:
        show_results(rows, method)
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
    return " · ".join(said)


def show_results(rows: Any, method: str) -> None:
    """Its rows in all suites."""
    shown = as_shown(rows.sort_values(["suite", "backbone", "variant", "modules"]))
    show_table(shown, SHOWN, f"Results, {len(rows)} rows", most=14)
    download(rows.drop(columns=["curve", "name"]), "".join(c for c in method if c.isalnum() or c == "_"))


def show_settings(about: dict[str, Any]) -> None:
    """Hyper-parameters: what holds by default, and what the variants change."""
    st.subheader("Hyper-parameters", anchor=False)
    for name, title in {"defaults": "Defaults", "variants": "Variants"}.items():
        if about.get(name):
            st.caption(title)
            st.code(json.dumps(about[name], indent=1, ensure_ascii=False), language="json", wrap_lines=True)
    if not about.get("defaults") and not about.get("variants"):
        st.caption("It has none of its own; the suite says the recipe.")


def show_citation(method: str, about: dict[str, Any]) -> None:
    """A block for a bibliography."""
    st.subheader("Citation", anchor=False)
    authors = re.sub(r",\s*|\s*&\s*", " and ", str(about.get("authors", "")))
    fields = {
        "author": authors,
        "title": about.get("title", method),
        "year": about.get("year", ""),
        "url": web_address(about.get("paper")) or "",
    }
    lines = [f"  {name} = {{{_no_braces(value)}}}," for name, value in fields.items() if value]
    st.code("\n".join([f"@misc{{{_no_braces(method)},", *lines, "}"]), language=None, wrap_lines=True)
    st.caption("The title is this benchmark’s name of the method; the description above cites the publication.")


def _no_braces(value: object) -> str:
    return re.sub(r"[{}\\\n]", "", str(value))


def show_file(method: str, files: dict[str, dict[str, str]]) -> None:
    """The file as it was when a record was made with it; of several, that of the newest record first."""
    st.subheader("File", anchor=False)
    if not files:
        st.caption("No record names a file of this method.")
        return
    made = cells().query("method == @method").sort_values("started_utc", ascending=False)
    newest = list(dict.fromkeys(made["method_sha256"]))
    short = sorted((sha[:SHORT] for sha in files), key=lambda sha: newest.index(sha) if sha in newest else len(newest))
    sha = one_of("Version (SHA-256)", short, "file", 200)
    whole = next(name for name in files if name.startswith(sha))
    suites = made.loc[made["method_sha256"] == sha, "suite"].value_counts()
    records = ", ".join(f"{n} of {suite}" for suite, n in suites.items())
    st.caption(plain(f"From commit {str(files[whole]['commit'])[:SHORT]}. It made these records: {records or 'none'}."))
    st.code(files[whole]["source"], language="python", line_numbers=True, height=560)


main()
