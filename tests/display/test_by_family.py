"""Each family as K grows: which methods count, and what is said of them; and how many rows were trained again."""

import pandas as pd
import pytest

from benchmark.display.by_family import ALL, by_family, in_a_sentence, ks_of
from benchmark.display.trusted import trusted
from benchmark.tables.trust import AUTHORS, NEVER, OTHERS

WEAK, STRICT = "weakly modular", "strictly modular"
GAPS = [  # family, branch, method, K, gap, validation, variant
    *[(WEAK, "feedback", "dfa", k, -k, 80) for k in (2, 4)],
    *[(WEAK, "proxy objective", "dgl", k, -3 * k, 80) for k in (2, 4)],
    *[(WEAK, "proxy objective", "infopro", k, 0.5, 80) for k in (2, 4)],
    # A variant that validates worse, at K = 2 alone better: one variant stands for a method at every K.
    *[(WEAK, "proxy objective", "infopro", k, -50, v, "softmax") for k, v in ((2, 81), (4, 70))],
    *[(STRICT, "proxy objective", "modular_kernel", k, -9.96, 80) for k in (2, 4)],
    (STRICT, "proxy objective", "deep_cascade", 2, -1, 80),  # not run at K = 4
    ("end-to-end", "references", "gradient_checkpointing", 2, 0, 80),
    (WEAK, "feedback", "fa", 1, -7, 80),  # never cut
]


@pytest.fixture
def rows():
    names = ["family", "branch", "method", "modules", "vs_e2ebp_pct", "validation_top1_pct", "variant"]
    rows = [dict(zip(names, (*row, ""), strict=False)) for row in GAPS]
    return pd.DataFrame(rows).assign(kind="", n_ok=3, n_total=3)


def test_a_family_has_the_median_of_methods_that_were_run_at_every_k(rows):
    assert ks_of(rows) == [2, 4]
    table = by_family(rows).fillna("").to_dict("split")["data"]
    assert table == [
        [WEAK, ALL, 3, "−2.0 (−6.0 to +0.5)", "−4.0 (−12.0 to +0.5)", -2.0],
        [WEAK, "feedback", 1, "−2.0", "−4.0", -2.0],
        [WEAK, "proxy objective", 2, "−2.8 (−6.0 to +0.5)", "−5.8 (−12.0 to +0.5)", -3.0],
        [STRICT, ALL, 1, "−10.0", "−10.0", 0.0],
    ]


def test_the_same_in_a_sentence(rows):
    assert in_a_sentence(rows).endswith(
        "weakly modular (3 methods): −2.0 at K = 2, −4.0 at K = 4; strictly modular (1 method): −10.0 at K = 2, "
        "−10.0 at K = 4."
    )
    assert in_a_sentence(rows[rows["modules"] == 1]) == ""
    broken = rows.assign(n_ok=rows["n_ok"].where(rows["method"] != "dfa", 2))
    assert in_a_sentence(broken).endswith(" Cells failed of dfa: the gaps are of those that ended.")
    assert by_family(rows[rows["modules"] == 1]).empty


def test_rows_say_how_many_of_them_somebody_else_ran():
    rows = pd.DataFrame({"verification": [NEVER, AUTHORS, NEVER]})
    assert trusted(rows) == ("Verification of these 3 rows: none by somebody else; 1 re-run by its authors, 2 never.")
    assert trusted(rows.replace(AUTHORS, OTHERS)).endswith(": 1 by somebody else; 2 never.")
