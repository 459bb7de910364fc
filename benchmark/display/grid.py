"""All methods in one grid: family and locks down, labels of hidden modules across, and in each cell the gaps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from benchmark.display.gap import Address, Column, gap_in_words, labels_glyph, lost_in_words, method_link
from benchmark.display.texts import FAMILIES
from benchmark.display.traits import LABELS, NO_LOCKS, UNKNOWN
from benchmark.schema.suite import TWIN

HOW = (
    "Behind each method: test accuracy minus that of its end-to-end twin, in points, in the comparison that most "
    "methods were run in, at its largest K. In brackets: a method that was not run there, in the first setting where "
    "it was. The number of a cell leads to its rows."
)
Rows = Callable[[dict[str, str]], str]


def grid(
    methods: Mapping[str, Mapping[str, Any]], columns: Sequence[Column], address: Address, rows_of: Rows
) -> Markup:
    """The table.

    Args:
        methods: of :func:`benchmark.display.gap.said_of_methods`.
        columns: of :func:`benchmark.display.gap.gap_columns`.
        address: of a method's page.
        rows_of: address of the board's rows of some traits.
    """
    settings = by_preference(columns)
    kinds = [kind for kind in (*reversed(LABELS), UNKNOWN) if any(m["hidden_labels"] == kind for m in methods.values())]
    heads = Markup("").join(
        Markup('<th scope="col">{} {}<small>{}</small></th>').format(labels_glyph(kind), kind, LABELS.get(kind, ""))
        for kind in kinds
    )
    body = Markup("").join(_family(family, kinds, methods, settings, address, rows_of) for family in FAMILIES)
    return Markup(
        '<div class="bb-grid" tabindex="0" role="region" aria-label="Methods by family, locks and labels"><table>'
        '<thead><tr><th scope="col">Family, locks removed</th>{}</tr></thead>{}</table></div>'
    ).format(heads, body)


def by_preference(columns: Sequence[Column]) -> list[Column]:
    """Of each suite the largest K first, the suites in their order."""
    suites = list(dict.fromkeys(column.suite for column in columns))
    return sorted(columns, key=lambda column: (suites.index(column.suite), -column.modules))


def _family(
    family: str,
    kinds: Sequence[str],
    methods: Mapping[str, Mapping[str, Any]],
    settings: Sequence[Column],
    address: Address,
    rows_of: Rows,
) -> Markup:
    own = {name: said for name, said in methods.items() if said["family"] == family}
    lines = Markup("")
    for locks in sorted({said["locks"] for said in own.values()}, key=_most_removed):
        cells = Markup("")
        for kind in kinds:
            names = [n for n, said in own.items() if said["locks"] == locks and said["hidden_labels"] == kind]
            traits = {"family": family, "locks": locks, "hidden_labels": kind}
            cells += _cell(names, settings, address, rows_of(traits))
        lines += Markup('<tr><th scope="row"><b>{}</b><small>{}</small></th>{}</tr>').format(
            family, f"removes: {locks}" if locks != NO_LOCKS else "removes no lock", cells
        )
    return Markup('<tbody class="bb-{}">{}</tbody>').format(family.split(" ")[0], lines)


def _most_removed(locks: str) -> tuple[int, str]:
    return -len(locks.split(", ")) * (locks != NO_LOCKS), locks


def _cell(names: Sequence[str], settings: Sequence[Column], address: Address, rows: str) -> Markup:
    if not names:
        return Markup('<td><span class="bb-unseen">no method</span></td>')
    found = sorted((_gap(name, settings) for name in names), key=lambda gap: gap[:2])
    items = Markup("").join(
        Markup("<li>{} <small>{}</small></li>").format(method_link(name, address), said) for *_, name, said in found
    )
    count = f"{len(names)} method{'' if len(names) == 1 else 's'}"
    return Markup('<td><a href="{}">{}</a><ul>{}</ul></td>').format(rows, count, items)


def _gap(name: str, settings: Sequence[Column]) -> tuple[int, float, str, str]:
    """Which of the settings it is from, its place there, and the method's name and gap in words."""
    for i, column in enumerate(settings):
        row = column.rows.get(name)
        if row is not None and row["vs_e2ebp_pct"] == row["vs_e2ebp_pct"]:
            said = gap_in_words(row) + lost_in_words(row)
            return i, -row["vs_e2ebp_pct"], name, said if i == 0 else f"({said} in {column.name})"
    return len(settings), 0.0, name, "is the twin" if name == TWIN else "not run"
