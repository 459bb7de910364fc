"""The survey's tree (Duan & Principe, arXiv 2101.03419), and where each method stands in it.

The branches are the survey's: what is end-to-end, what is weakly and what strictly modular, and where a hidden module's
objective comes from. Methods that are younger than the survey, or that it names in passing, stand where their objective
puts them. A method that nobody has placed here stands under its family, as not placed yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from benchmark.display.gap import Address, labels_glyph, method_link
from benchmark.display.texts import FAMILIES

NOT_PLACED = "not placed yet"


class Branch(NamedTuple):
    """Where the objective of a hidden module comes from."""

    title: str
    says: str
    methods: tuple[str, ...]


PROXY, SELF, TARGETS = "proxy objective", "proxy objective without labels", "target propagation"
SYNTHETIC, DELAYED = "synthetic gradients", "delayed gradients"
BIOLOGY, VARIABLES = "other ways to carry errors back", "auxiliary variables"
REFERENCE, ZERO = "references", "natural zero"
BRANCHES = (
    Branch(REFERENCE, "forward and backward through the whole network", ("e2ebp", "gradient_checkpointing")),
    Branch(
        PROXY,
        "each hidden module has an objective of its own, mostly by an auxiliary head or a kernel on its output",
        (
            *("predsim", "dgl", "greedy_sl", "infopro", "backlink", "contsup", "auglocal", "man", "trgl"),
            *("forward_forward", "hsic_bottleneck", "similarity_matching"),
            *("boostresnet", "deep_cascade", "greedy_layerwise", "modular_kernel", "sufficient_labels"),
            "layerwise_hsic",
        ),
    ),
    Branch(SELF, "the same by self-supervision: two views or neighbouring patches", ("gim", "loco")),
    Branch(TARGETS, "an auxiliary model hands each module a target for its output", ("target_propagation",)),
    Branch(SYNTHETIC, "an auxiliary model predicts the gradient at a module's output", ("dni",)),
    Branch(DELAYED, "the true gradient, of earlier steps", ("ddg", "features_replay")),
    Branch(BIOLOGY, "fixed random weights in place of the transposed ones", ("fa", "dfa")),
    Branch(VARIABLES, "outputs of modules are variables, tied to the network by a penalty", ("mac",)),
    Branch(ZERO, "nothing is learned in the hidden modules", ("random_features", "untrained")),
)
FAMILIES_SAY = {
    "end-to-end": "an end-to-end forward pass and an end-to-end backward pass",
    "weakly modular": "an end-to-end forward pass, no end-to-end backward pass: modules learn side by side",
    "strictly modular": "neither: modules learn one after the other",
}
FROM = (
    "The branches are those of Duan and Principe’s survey. Methods that are younger, or that it names in passing, "
    "stand where their objective puts them."
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
    placed = [(branch.title, branch.says, [n for n in own if n in branch.methods]) for branch in BRANCHES]
    known = {name for branch in BRANCHES for name in branch.methods}
    placed.append((NOT_PLACED, "", [name for name in own if name not in known]))
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
