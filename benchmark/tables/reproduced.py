"""Whether a paper's figure comes out again where its own setting is run here: the one rule, and what it says."""

import pandas as pd
from scipy.special import stdtrit

REPRODUCED, NOT_REPRODUCED, NOT_RUN = "reproduced", "not reproduced", "not run"
JUDGED = (REPRODUCED, NOT_REPRODUCED)
TEST_PICTURES = {"SVHN": 26_032, "STL-10": 8_000, "ImageNet": 50_000}  # in their test splits
OTHERS = 10_000  # MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100, Tiny ImageNet
RULE = (
    "Reproduced: the two differ by no more than 2·√(s² here + s² of the paper), and half a unit of the last printed "
    "digit. s is the standard deviation over seeds; where one seed, or a paper that prints none, leaves it unknown, it "
    "is that of drawing the N test pictures anew, √(p·(100 − p)/N) for an error of p percent. A row of which a cell "
    "failed reproduces nothing."
)
FIGURE = ["dataset", "backbone", "modules", "method", "metric", "published", "publication", "note"]


def allowed_difference(table: pd.DataFrame) -> pd.Series:
    """By how much ours may differ from the paper's, in points of test error.

    Args:
        table: columns dataset, published, printed (the same as the paper has it, a text), published_std, ours,
            ours_half (half of the 95 % t interval) and n_ok.
    """
    pictures = table["dataset"].map(TEST_PICTURES).fillna(OTHERS).astype(float)
    n = table["n_ok"].astype(float)
    spread = table["ours_half"].astype(float) * n**0.5 / stdtrit((n - 1).where(n > 1), 0.975)
    here = spread.fillna(_of_drawing(table["ours"], pictures))
    theirs = table["published_std"].astype(float).fillna(_of_drawing(table["published"], pictures))
    return 2 * (here**2 + theirs**2) ** 0.5 + table["printed"].map(_half_of_the_last_digit).astype(float)


def verdicts(table: pd.DataFrame) -> pd.Series:
    """``reproduced`` or ``not reproduced`` by the rule; empty where no run of the same setting ended.

    Args:
        table: columns difference and allowed, NaN where they are unknown, n_ok and n_total.
    """
    said = pd.Series(None, index=table.index, dtype=object)
    known = table["difference"].notna() & table["allowed"].notna()
    within = (table["difference"].abs() <= table["allowed"]) & (table["n_ok"] == table["n_total"])
    return said.mask(known & within, REPRODUCED).mask(known & ~within, NOT_REPRODUCED)


def summary(reproductions: pd.DataFrame) -> str:
    """How many published figures were run in their own setting, and how many of them came out again, in every row."""
    said = reproductions.assign(**{name: reproductions["verdict"] == name for name in JUDGED})
    figures = said.groupby(FIGURE, dropna=False)[list(JUDGED)].any()
    failed = int(figures[NOT_REPRODUCED].sum())
    reproduced = int((figures[REPRODUCED] & ~figures[NOT_REPRODUCED]).sum())
    return (
        f"Of {len(figures)} published figures, {reproduced + failed} have a run of the same setting here: "
        f"{reproduced} reproduced, {failed} not."
    )


def _of_drawing(error: pd.Series, pictures: pd.Series) -> pd.Series:
    """Standard deviation of an error (percent) on so many test pictures, drawn anew."""
    p = error.astype(float).clip(0, 100)
    return (p * (100 - p) / pictures) ** 0.5


def _half_of_the_last_digit(printed: str) -> float:
    """0.005 for ``8.37``, 0.05 for ``8.0``: what rounding may have taken from a printed figure."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])
