"""Beyond Backprop's leaderboard. Run it with ``beyond dashboard``; it shows the tables of ``results/``."""

import streamlit as st
from escaping import plain
from looks import ICON, STYLE
from parts import footer

from benchmark.errors import UserError

PAGES = {  # file in pages_shown/, also its address: title and icon
    "leaderboard": ("Leaderboard", "leaderboard"),
    "claims": ("Claims", "gavel"),
    "map": ("Map", "account_tree"),
    "trade_offs": ("Trade-offs", "scatter_plot"),
    "fit": ("Does it fit?", "memory"),
    "modules": ("Modules", "view_module"),
    "curves": ("Curves", "show_chart"),
    "tracks": ("Tracks", "route"),
    "published": ("Published", "menu_book"),
    "compare": ("Compare", "compare"),
    "method": ("Method", "article"),
    "runs": ("Runs", "list_alt"),
    "changes": ("Changes", "history"),
    "submit": ("Submit", "upload_file"),
}


def main() -> None:
    """The page that the address names."""
    # before the navigation, whose icons the browser would fetch for its tab from another host
    st.set_page_config("Beyond Backprop", page_icon=ICON, layout="wide")
    st.html(STYLE)
    first = next(iter(PAGES))
    pages = [
        st.Page(f"pages_shown/{name}.py", title=title, icon=f":material/{icon}:", url_path=name, default=name == first)
        for name, (title, icon) in PAGES.items()
    ]
    page = st.navigation(pages, position="top")
    st.set_page_config(f"{page.title} · Beyond Backprop")
    try:
        page.run()
    except UserError as error:
        st.error(plain(str(error)))
    footer()


main()
