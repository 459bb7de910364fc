"""Does it fit?: one table of all networks, complete as it stands; a script turns it to another batch and card."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from benchmark.display import fitting
from benchmark.display.memory_chart import memory_by_modules
from benchmark.display.traits import TRAITS
from benchmark.export.columns import page_name
from benchmark.export.figures import WHOLE, Figure, figure
from benchmark.export.table import link
from benchmark.planning import footprint
from benchmark.schema.suite import CHECKPOINTING, TWIN

REFERENCES = {CHECKPOINTING: "the bar", TWIN: "the twin"}
GAPS = (footprint.LEAST_GAP, footprint.LEAST_FACTOR, footprint.MOST_GAP, footprint.MOST_FACTOR)


class Fact(NamedTuple):
    """A row: what the script reckons with, and what stands in it until then."""

    network: str
    modules: int
    batches: str
    peaks: str
    reference: str
    name: Markup
    cells: dict[str, str]
    rest: list[str]
    traits: dict[str, str]


class Network(NamedTuple):
    """A network, the batches to choose from, and its picture."""

    name: str
    batches: list[int]
    says: str
    figure: Figure
    lacks: str


def fit_page(table: pd.DataFrame, methods: Iterable[str]) -> dict[str, Any]:
    """What the template needs; nothing in it where nothing was simulated.

    Args:
        table: of :func:`benchmark.display.fitting.read_fit`.
        methods: ids of all that could be in it.
    """
    networks, rows = [], []
    for i, (name, part) in enumerate(table.groupby("network", sort=False) if len(table) else ()):
        batches = fitting.batches(part)
        shown = fitting.on_card(part, batches[0], fitting.CARD)
        picture = figure(f"{name}, batch {batches[0]}", f"fit-{i}", WHOLE, memory_by_modules, shown, fitting.CARD)
        lacks = fitting.lacking(part, methods)
        networks.append(Network(str(name), batches, fitting.summary(shown, fitting.CARD), picture, lacks))
        rows += [_fact(row) for row in shown.to_dict("records")]
    ks = sorted({row.modules for row in rows} - {1})
    traits = {name: (label, _options(table, name)) for name, label in TRAITS.items()} if rows else {}
    said = {
        "lead": fitting.LEAD,
        "how": fitting.HOW,
        "bar": fitting.AGAINST_BAR,
        "make": fitting.MAKE,
        "gaps": GAPS,
        "elsewhere": fitting.ELSE,
    }
    return {
        **said,
        "traits": traits,
        "networks": networks,
        "rows": rows,
        "ks": ks,
        "cards": fitting.CARDS,
        "card": fitting.CARD,
    }


def _options(table: pd.DataFrame, trait: str) -> list[str]:
    return sorted(table.loc[~table["method"].isin(list(REFERENCES)), trait].unique())


def _fact(row: Any) -> Fact:
    name = link(page_name("method", row["method"]), row["title"])
    if row["variant"]:
        name += Markup(" <small>{}</small>").format(row["variant"])
    cells = {
        "fits": row["fits"],
        "peak": f"{row['simulated']:.2f}",
        "card": fitting.card_in_words(row),
        "bar": f"{row['of_bar']:.2f}" if row["of_bar"] == row["of_bar"] else "–",
        "batch": fitting.largest_in_words(row),
    }
    return Fact(
        network=row["network"],
        modules=row["modules"],
        batches=" ".join(str(row[name]) for name in fitting.BATCHES),
        peaks=" ".join(str(row[name]) for name in fitting.PEAKS),
        reference=REFERENCES.get(row["method"], ""),
        name=name,
        cells=cells,
        rest=[f"{row['flops_ratio']:.2f}", row["time"], row["accuracy"], f"{row['auxiliary_parameters']:,.0f}"],
        traits={trait: str(row[trait]) for trait in TRAITS},
    )
