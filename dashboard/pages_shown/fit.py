"""Does it fit? For who has a network and a card: which methods fit, at what memory, FLOPs, time and accuracy."""

import pandas as pd
import streamlit as st
from choosers import kept, one_of, row, some_of
from columns_shown import BAD, FAMILY, GOOD, column, number, text
from escaping import plain
from parts import download, heading, show_chart, show_table
from reading import board, fit_table, methods

from benchmark.display.fitting import (
    AGAINST_BAR,
    CARD,
    CARDS,
    ELSE,
    HOW,
    LEAD,
    MAKE,
    batches,
    card_in_words,
    lacking,
    largest_in_words,
    on_card,
    summary,
)
from benchmark.display.memory_chart import memory_by_modules
from benchmark.display.texts import REFERENCES
from benchmark.display.traits import TRAITS
from benchmark.schema.suite import CHECKPOINTING, TWIN

SHOWN = {
    "fits": column.MultiselectColumn(
        "On this card",
        options=["fits", "may fit", "does not fit"],
        color=[GOOD, "#8A6300", BAD],
        help="fits: for sure, as far as the gap of simulations is known; may fit: within the gap",
        width=110,
    ),
    "name": text("method", "Method", 200, pinned=True),
    "modules": number("modules", "K", "%d", 45),
    "simulated": column.NumberColumn("Peak, GB", format="%.2f", help="simulated tensor bytes of a step", width=80),
    "card": column.TextColumn("On a card, GB", help="what a GPU is expected to take", width=105),
    "of_bar": column.NumberColumn("÷ the bar", format="%.2f", help=AGAINST_BAR, width=80),
    "batch": column.TextColumn("Largest batch", help="that fits for sure; +: the largest simulated one", width=100),
    "flops_ratio": column.NumberColumn("FLOPs ×", format="%.2f", help="over end-to-end backpropagation's", width=75),
    "time": column.TextColumn("Time ×", help="measured on CIFAR ResNet-32, one core, at this K", width=110),
    "accuracy": column.TextColumn("Accuracy, points", help="against end-to-end backpropagation, same K", width=230),
    "auxiliary_parameters": column.NumberColumn("Auxiliary", format="localized", width=95),
    "family": FAMILY,
}


def main() -> None:
    """The page."""
    heading("Does it fit?", LEAD)
    table = fit_table(board())
    if table.empty:
        st.info(f"The results have no fit.csv: run `{MAKE}`.")
        return
    with row():
        network = one_of("Network", list(table["network"].unique()), "network", 260)
        rows = table[table["network"] == network]
        batch = one_of("Batch", batches(rows), "batch", 110)
        memory = one_of("Card, GB", [CARD, *(card for card in CARDS if card != CARD)], "card", 110)
        chosen = some_of("K", sorted(set(rows["modules"]) - {1}), "k", 160)
        rows = on_card(rows, batch, memory)
        asked = rows["method"].isin(REFERENCES) | rows.index.isin(kept(rows, TRAITS, 165).index)
    st.markdown(plain(summary(rows, memory)))
    rows = rows[asked]
    show_chart(memory_by_modules(rows, memory))
    st.caption(AGAINST_BAR + " Hover over a point for its name.")
    shown = rows[rows["modules"].isin([1, *chosen])] if chosen else rows
    show_table(as_shown(shown), SHOWN, f"What fits, {len(shown)} rows", most=40)
    download(shown.drop(columns=["title", "label"]), "fit")
    st.caption(f"{plain(lacking(table[table['network'] == network], methods()))} {ELSE}")
    st.caption(HOW)


def as_shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their texts; the bar and the twin say what they are."""
    marks = {CHECKPOINTING: " (the bar)", TWIN: " (the twin)"}
    each = rows.to_dict("records")
    return rows.assign(
        name=rows["label"] + rows["method"].map(marks).fillna(""),
        card=[card_in_words(one) for one in each],
        batch=[largest_in_words(one) for one in each],
        fits=[[one] for one in rows["fits"]],
        family=[[one] if one else [] for one in rows["family"]],
    )


main()
