"""What the board answers at once, from rows to the cards of both front ends."""

import re

import pandas as pd
import pytest

from benchmark.display.headline import headline

ROWS = [  # method, family, K, accuracy, gap, memory, time, rank
    ("e2ebp", "end-to-end", 1, 90.0, None, 1.0, 1.0, ""),
    ("gradient_checkpointing", "end-to-end", 4, 90.0, 0.0, 0.7, 1.3, ""),
    ("dear", "weakly modular", 4, 90.5, 0.5, 2.0, 3.0, "1–2"),
    ("lean", "weakly modular", 4, 89.0, -1.0, 0.5, 1.5, "1–2"),
    ("free", "weakly modular", 2, 88.0, -2.0, 0.9, 0.9, "3"),
    ("uncut", "weakly modular", 1, 95.0, 5.0, 0.1, 0.1, "1"),
    ("unjudged", "weakly modular", 4, 96.0, 6.0, 0.1, 0.1, ""),
]
NAMES = ["method", "family", "modules", "test_top1_pct", "vs_e2ebp_pct", "memory_ratio", "time_ratio", "rank"]


@pytest.fixture
def rows():
    board = pd.DataFrame(ROWS, columns=NAMES).assign(n_ok=3, n_pairs=3.0, test_top1_half_pct=0.4, vs_e2ebp_half_pct=0.3)
    return board.assign(name=board["method"], judged=board["method"] != "unjudged")


def cards(rows):
    return [re.findall(r"<(?:b|span|small)>(.*?)</", card) for card in headline(rows).split('class="bb-card"')[1:]]


def test_it_says_who_is_nearest_at_which_memory_and_time_and_how_sure_that_is(rows):
    assert cards(rows) == [
        ["End-to-end backpropagation", "90.00 ± 0.40 %", "test accuracy, n = 3"],
        ["Nearest to it, at any cost", "+0.50 ± 0.30 points", said("dear, K = 4: 2.00 × memory, 3.00 × time", "1–2")],
        [
            "Nearest in less memory than checkpointing (0.70 × memory, 1.30 × time)",
            "−1.00 ± 0.30 points",
            said("lean, K = 4: 0.50 × memory, 1.50 × time", "1–2"),
        ],
        [
            "Nearest for no more memory and no more time",
            "−2.00 ± 0.30 points",
            said("free, K = 2: 0.90 × memory, 0.90 × time", "3"),
        ],
    ]
    assert "had luck" in headline(rows)


def said(row, rank):
    return f"{row}, n = 3; the method&#39;s rank: {rank}"


def test_what_nobody_measured_is_no_answer(rows):
    dear = rows[~rows["method"].isin(["lean", "free"])]
    assert len(cards(dear.assign(time_ratio=float("nan")))) == 2
    assert len(cards(rows[rows["method"] == "e2ebp"])) == 1
    assert headline(rows.assign(judged=False)) == ""
