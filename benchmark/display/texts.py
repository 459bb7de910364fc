"""Families' colours, and how rows are called: needed by tables and charts alike, so altair is not imported here."""

import pandas as pd

from benchmark.schema.suite import CHECKPOINTING, TWIN

REFERENCES = (TWIN, CHECKPOINTING)
# After Okabe and Ito, so that colour-blind readers tell them apart; the shapes say the same once more. Dark enough for
# white words on them and to be seen on a light page, light enough for a dark one.
FAMILIES = {
    "weakly modular": ("#2176B0", "circle"),
    "strictly modular": ("#BD5000", "square"),
    "end-to-end": ("#70757E", "diamond"),
}
RECIPES = {  # by which a row was trained, in a sentence
    "shared": "All methods train by the suite's recipe.",
    "tuned": "Each method trains by the best of equally many tries, chosen on the validation split.",
    "paper": "The recipe is a paper's.",
}
RANKS = (  # how to read them, in both front ends
    "is an interval, such as 3–7: the ranks that the method may have in its suite, among the methods that have one, "
    "by mean accuracy over its backbones and K (of several variants that which validates best). It is above another "
    "method only where a t test of their differences, seed by seed, says so, with the scatters of all methods "
    "estimated together (Smyth; they grow with the error, and none is taken for less than what its own seeds say) "
    "and corrected for the number of pairs (Holm): all intervals of a suite hold together with 95 %. End-to-end "
    "backpropagation and gradient checkpointing are references, a smoke test ranks nobody, and a method with fewer "
    "than 3 seeds, or with a cell that is missing or did not end ok, has no rank, nor has a row of other pictures, "
    "stem or protocol than most of the suite."
)
NO_OVERALL = "There is no overall rank until two comparisons are complete: all methods run to the end in both."
OVERALL_RANKS = (
    "Borda’s count: over all complete comparisons, the methods that a method beats, half for a tie; its rank is the "
    "interval that those of the comparisons leave."
)
SMOKE_TESTS = "A smoke test: it says whether a method runs and learns. It has no ranks, no best row and no headline."
GREY = FAMILIES["end-to-end"][0]


def short_names(rows: pd.DataFrame) -> list[str]:
    """Of each row of the leaderboard, as :func:`short_name`."""
    return [short_name(*names) for names in zip(rows["method"], rows["variant"], rows["kind"], strict=True)]


def short_name(method: str, variant: str, kind: str = "") -> str:
    """``infopro softmax``; the id alone where the variant says no more. ``kind``: what keeps it from a rank."""
    name = (method if variant in ("", method) else f"{method} {variant}")[:32]
    return f"{name} ({kind})" if kind else name
