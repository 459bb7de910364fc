"""The survey's tree (Duan & Principe, arXiv 2101.03419), and where each method stands in it.

First what is end-to-end, what is weakly and what strictly modular; then where a hidden module's objective comes from
(:mod:`benchmark.display.branches`). A method that nobody has placed stands under its family, as not placed yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from benchmark.display.branches import BRANCHES, NOT_PLACED, branch_of
from benchmark.display.gap import Address, labels_glyph, method_link
from benchmark.display.texts import FAMILIES

FAMILIES_SAY = {
    "end-to-end": "an end-to-end forward pass and an end-to-end backward pass",
    "weakly modular": "an end-to-end forward pass, no end-to-end backward pass: modules learn side by side",
    "strictly modular": "neither: modules learn one after the other",
}
FROM = (
    "The families are those of Duan and Principe’s survey, and so are the branches up to delayed gradients. Methods "
    "that are younger, or that it names in passing, stand where their learning signal comes from."
)


def tree(methods: Mapping[str, Mapping[str, Any]], address: Address) -> Markup:
    """Nested lists: families, branches, methods.

    Args:
        methods: of :func:`benchmark.display.gap.said_of_methods`.
        address: of a method's page.
    """
    families = Markup("").join(
        Markup('<li class="bb-{}"><b>{}</b> <small>{}</small><ul>{}</ul></li>').format(
            family.split(" ")[0], family, FAMILIES_SAY[family], _branches(family, methods, address)
        )
        for family in ("end-to-end", *(name for name in FAMILIES if name != "end-to-end"))
        if any(said.get("family") == family for said in methods.values())
    )
    return Markup('<ul class="bb-tree">{}</ul>').format(families)


def _branches(family: str, methods: Mapping[str, Mapping[str, Any]], address: Address) -> Markup:
    own = [name for name, said in methods.items() if said.get("family") == family]
    own.sort(key=lambda name: (str(methods[name].get("year", "")), name))
    branches = [*((branch.title, branch.says) for branch in BRANCHES), (NOT_PLACED, "")]
    placed = [(title, says, [name for name in own if branch_of(name) == title]) for title, says in branches]
    return Markup("").join(
        Markup("<li>{} <small>{}</small><ul>{}</ul></li>").format(title, says, _leaves(names, methods, address))
        for title, says, names in placed
        if names
    )


def _leaves(names: Sequence[str], methods: Mapping[str, Mapping[str, Any]], address: Address) -> Markup:
    return Markup("").join(
        Markup("<li>{} {} <small>{}</small></li>").format(
            labels_glyph(str(methods[name]["hidden_labels"])), method_link(name, address), methods[name]["year"]
        )
        for name in names
    )
