"""How many rows were trained again, and by whom, in a sentence: what a reader can trust who trusts nobody."""

import pandas as pd

from benchmark.tables.trust import FAILED, OTHERS, STANDINGS

WORD = "verification"
MEANS = (
    "Somebody trained a cell of a row again from nothing and compared, in the sandbox, where the "
    "method sees no test label. Green is what somebody else ran than the authors of the record. A row that its authors "
    "ran again shows that it repeats itself, not that it is right."
)


def trusted(rows: pd.DataFrame) -> str:
    """``Verification of these 194 rows: none by somebody else; 6 re-run by its authors, 181 never.``."""
    counts = rows["verification"].value_counts()
    others = counts.get(OTHERS, 0) or "none"
    said = [f"{counts[name]} {name}" for name in (*reversed(STANDINGS), FAILED) if name != OTHERS and name in counts]
    return (
        f"Verification of these {len(rows)} rows: "
        + "; ".join([f"{others} {OTHERS}", *([", ".join(said)] if said else [])])
        + "."
    )
