"""What changed in the leaderboard, from the history of its own file."""

import streamlit as st
from columns_shown import number, text
from escaping import plain
from parts import heading, show_table
from reading import history

from benchmark.display.changes import LEAD, SINCE, Change

MOVED = {
    "name": text("method", "Method", 170, pinned=True),
    "suite": text("suite", "Suite", 130),
    "recipe": text("recipe", "Recipe", 80),
    "backbone": text("backbone", "Backbone", 140),
    "modules": text("modules", "K", 45),
    "before": text("", "Before, %", 120),
    "after": text("", "After, %", 120),
    "difference": number("", "Difference", "%+.2f"),
}


def main() -> None:
    """The page."""
    heading("What changed", LEAD)
    found = history()
    st.caption(SINCE)
    if found.changes:
        feed(found.changes)
    if found.missing:
        st.info(plain(found.missing))
    for change in found.changes:
        show(change)


def feed(changes: list[Change]) -> None:
    """The feed as a file: it has an address where `beyond export` put it on a web server."""
    from benchmark.display.feed import NAME, atom

    st.download_button(
        "Atom feed",
        lambda: atom(changes),
        file_name=NAME,
        mime="application/atom+xml",
        icon=":material/rss_feed:",
        on_click="ignore",
        help=f"the static pages of `beyond export` have it at the address {NAME}",
    )


def show(change: Change) -> None:
    """A commit, and what it brought, took and moved."""
    commit = change.commit
    st.header(plain(f"{commit.date[:10]}: {change}"), anchor=False)
    st.caption(plain(f"{commit.subject} (commit {commit.hash[:12]})"))
    if change.new_and_gone:
        st.markdown("\n".join(f"- {plain(line)}" for line in change.new_and_gone))
    if len(change.moved):
        show_table(change.moved, MOVED, f"Moved rows, {len(change.moved)}, commit {commit.hash[:12]}", most=12)


main()
