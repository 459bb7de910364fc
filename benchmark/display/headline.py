"""What the board answers at once: how near training comes without end-to-end backpropagation, at which memory and time.

Each answer is one row of a setting, with its interval, its costs and the ranks that it may have: of many rows the best
is one that had luck, too, and its own interval does not say so.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from benchmark.display.gap import gap_in_words
from benchmark.schema.suite import CHECKPOINTING
from benchmark.tables.columns import is_reference, is_twin, with_interval

HOW = (
    "± is half of the 95 % t interval over seeds of that row alone. Memory (simulated) and time (of steps, all phases "
    "together) are multiples of end-to-end’s. The highest of many rows had luck, too: ranks say which methods can be "
    "told apart."
)
STYLE = """
.bb-cards {display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .75rem; margin: .6rem 0 0}
.bb-card {border: 1px solid color-mix(in srgb, currentColor 16%, transparent); border-radius: .45rem;
  padding: .6rem .9rem .65rem; min-width: 0}
.bb-card b {display: block; font-weight: 500; font-size: .8rem; opacity: .8}
.bb-card span {display: block; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums}
.bb-card small {display: block; font-size: .8rem; color: inherit; opacity: .8; overflow-wrap: anywhere}
.bb-how {max-width: 62rem; font-size: .85rem; opacity: .82; margin: .4rem 0 .9rem}
@media (max-width: 640px) {
  .bb-cards {grid-template-columns: 1fr; gap: .35rem}
  .bb-card {padding: .3rem .7rem}
  .bb-card span {font-size: 1.05rem}
}
"""


def headline(setting: pd.DataFrame) -> Markup:
    """The answers of one suite, backbone and recipe as cards; nothing where no row may be a headline.

    A method of K = 1 has no cut to train without: it is no answer.
    """
    card = Markup('<div class="bb-card"><b>{}</b><span>{}</span><small>{}</small></div>')
    cards = [card.format(*said) for said in _cards(setting[setting["judged"]])]
    how = Markup('<p class="bb-how">{}</p>').format(HOW) if len(cards) > 1 else Markup("")
    return Markup('<div class="bb-cards">{}</div>{}').format(Markup("").join(cards), how) if cards else Markup("")


def _cards(judged: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Of each its label, its figure and what it is of."""
    cut = judged[~is_reference(judged) & (judged["modules"] > 1)]
    for twin in judged[is_twin(judged)].to_dict("records"):
        reached = with_interval(twin["test_top1_pct"], twin["test_top1_half_pct"])
        yield "End-to-end backpropagation", f"{reached} %", f"test accuracy, n = {twin['n_ok']}"
    if cut["vs_e2ebp_pct"].isna().all():
        return
    yield "Nearest to it, at any cost", *_nearest(cut)
    bars = judged[judged["method"] == CHECKPOINTING].dropna(subset=["memory_ratio"])
    if len(bars):
        bar = bars.sort_values("memory_ratio").to_dict("records")[0]
        lean = cut[cut["memory_ratio"] < bar["memory_ratio"]]
        if lean["vs_e2ebp_pct"].notna().any():
            yield f"Nearest in less memory than checkpointing ({_costs(bar)})", *_nearest(lean)
    free = cut[(cut["memory_ratio"] <= 1) & (cut["time_ratio"] <= 1)]
    if free["vs_e2ebp_pct"].notna().any():
        yield "Nearest for no more memory and no more time", *_nearest(free)


def _nearest(rows: pd.DataFrame) -> tuple[str, str]:
    known = rows.dropna(subset=["vs_e2ebp_pct"])
    row = known.sort_values("vs_e2ebp_pct", ascending=False, kind="stable").to_dict("records")[0]
    what = f"{row['name']}, K = {row['modules']}: {_costs(row)}, n = {row['n_pairs']:.0f}"
    rank = f"; the method's rank: {row['rank']}" if row["rank"] else ""
    return f"{gap_in_words(row)} points", what + rank


def _costs(row: Mapping[Any, Any]) -> str:
    """``0.65 × memory, 1.46 × time``."""
    known = {"memory": row["memory_ratio"], "time": row["time_ratio"]}
    return ", ".join(f"{ratio:.2f} × {what}" for what, ratio in known.items() if ratio == ratio)
