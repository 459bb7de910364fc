"""Where each method stands, and what the words mean: the survey's tree, the grid of traits, the glossary."""

import streamlit as st
from columns_shown import LEADERBOARD
from escaping import method_address
from markupsafe import Markup
from parts import board_or_stop, heading
from pictures import rows_address
from reading import gap_columns, methods

from benchmark.display import gap, grid, survey
from benchmark.display.explanations import LEADS
from benchmark.display.glossary import definitions, glossary
from benchmark.display.network import ALT, network

LEAD = Markup('{} Below, <a href="#words">what the words mean</a>.').format(LEADS["map"])
INK = "<style>svg{color:#1C2530}@media(prefers-color-scheme:dark){svg{color:#E7E9EC}}</style>"


def main() -> None:
    """The page."""
    heading("Map", LEAD)
    board = board_or_stop()
    said = gap.said_of_methods(board, methods())
    st.header("The survey’s tree", anchor=False)
    st.caption(survey.FROM)
    st.html(gap.labels_legend() + survey.tree(said, method_address))
    st.header("Family, locks and labels, with each gap", anchor=False)
    st.caption(grid.HOW)
    st.html(grid.grid(said, gap_columns(), method_address, rows_address))
    st.header("What the words mean", anchor="words")
    drawing = str(network()).replace("><", f">{INK}<", 1)
    st.image(drawing, alt=ALT)  # a picture of its own, so it knows no ink of the page
    st.html(glossary())
    st.header("What the headings mean", anchor="headings")
    st.caption("Of the leaderboard's columns, and of the same in other tables.")
    st.html(definitions((look["label"].strip(), look["help"]) for look in LEADERBOARD.values() if look.get("help")))


main()
