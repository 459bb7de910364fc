"""Families' colours, and how rows are called: needed by tables and charts alike, so altair is not imported here."""

REFERENCES = ("e2ebp", "gradient_checkpointing")
# Okabe and Ito's colours, which colour-blind readers tell apart; the shapes say the same once more.
FAMILIES = {
    "weakly modular": ("#2A8AC4", "circle"),
    "strictly modular": ("#D55E00", "square"),
    "end-to-end": ("#8A8F98", "diamond"),
}
RECIPES = {  # by which a row was trained, in a sentence
    "shared": "All methods train by the suite's recipe.",
    "tuned": "Each method trains by the best of equally many tries, chosen on the validation split.",
    "paper": "The recipe is a paper's.",
}
GREY = FAMILIES["end-to-end"][0]


def short_name(method: str, variant: str, kind: str = "") -> str:
    """``infopro softmax``; the id alone where the variant says no more. ``kind``: what keeps it from a rank."""
    name = (method if variant in ("", method) else f"{method} {variant}")[:32]
    return f"{name} ({kind})" if kind else name
