"""Does it fit? What the committed table of simulations says of a network on a card, for both front ends.

GB are 1e9 bytes. All memory is simulated; what a card takes is given as an interval, by the known gap of simulations.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.display.gap import lost_in_words
from benchmark.display.reading import read_methods, read_table, without_references
from benchmark.display.texts import short_name
from benchmark.display.traits import with_traits_of_methods
from benchmark.planning.footprint import Footprint, held_for_sure, on_a_card, verdict
from benchmark.schema.suite import CHECKPOINTING, TWIN
from benchmark.tables.blocks import suites_in_order
from benchmark.tables.columns import COMPARISON, with_interval

CARDS = (4, 6, 8, 11, 12, 16, 24, 40, 48, 80)  # GB
CARD = 8  # with which the pages open
BATCHES = ["batch_low", "batch_mid", "batch_high"]
PEAKS = ["peak_low_gb", "peak_mid_gb", "peak_high_gb"]
EXACT = "0: exactly backpropagation"
LEAD = "Which methods train your network on your card, beside gradient checkpointing, which is exactly backpropagation."
HOW = (
    "Memory is simulated tensor bytes of one training step (SGD with momentum, fp32, memory-balanced cuts), at three "
    "batches, and between them on the line through two. What a card takes is more: “on a card” is the interval by "
    "which GPUs of a paper exceeded the simulation, in ten trainings (CIFAR ResNet-110 by 0.7 to 1.0 GB, three "
    "ImageNet networks by 10 to 19 %). FLOPs are simulated, too. Time is measured, on another network: CIFAR "
    "ResNet-32, batch 128, one core. Accuracy is the mean difference to end-to-end backpropagation in a comparison "
    "here, at this K: mostly of a small network, so read it as a hint. Hours on a named GPU are left out: none was "
    "measured."
)
AGAINST_BAR = (
    "The bar is the least memory that gradient checkpointing needs at any K of the table. A method above it buys no "
    "memory: it can still save FLOPs, or locks."
)
MAKE = "python scripts/fit_table.py"
ELSE = "Any other network, batch or method: `beyond fit resnet101 --image 224 --batch 128 --memory 8GB` simulates it."


def read_fit(results: Path, board: pd.DataFrame) -> pd.DataFrame:
    """The rows that have numbers, with names, and with time and accuracy where they are known; empty without a file."""
    table = read_table(results / "fit.csv", ("variant", "note"))
    if table.empty:
        return table
    table = with_traits_of_methods(table.dropna(subset=PEAKS).reset_index(drop=True), board)
    said = read_methods(results)
    titles = [said.get(name, {}).get("title", name) for name in table["method"]]
    families = [said.get(name, {}).get("family", "") for name in table["method"]]
    twins = table[table["method"] == TWIN].set_index(["backbone", "image"])["picture_gflops"]
    twin = [twins.get(place) for place in zip(table["backbone"], table["image"], strict=True)]
    table = table.assign(
        network=table["backbone"] + ", " + table["image"].astype(str) + " px",
        label=[short_name(*names) for names in zip(table["method"], table["variant"], strict=True)],
        title=titles,
        family=families,
        flops_ratio=table["picture_gflops"] / pd.Series(twin, index=table.index, dtype=float),
    )
    accuracy, time = _accuracy(board), _times(results)
    keys = list(zip(table["method"], table["variant"], table["modules"], strict=True))
    return table.assign(
        accuracy=[EXACT if key[0] == CHECKPOINTING else accuracy.get(key, "") for key in keys],
        time=[_nearest(time.get(method, {}), k) for method, _, k in keys],
    )


def _accuracy(board: pd.DataFrame) -> dict[Any, str]:
    """By (method, variant, K): the difference to the twin in the first comparison that has it, and that one's name."""
    if board.empty:
        return {}
    rows = without_references(board)
    rows = rows[(rows["leads"] == "yes") & (rows["role"] == COMPARISON) & (rows["kind"] == "")]
    rows = rows.dropna(subset=["vs_e2ebp_pct"])
    found: dict[Any, str] = {}
    for suite in suites_in_order(rows):
        for row in rows[rows["suite"] == suite].to_dict("records"):
            points = with_interval(row["vs_e2ebp_pct"], row["vs_e2ebp_half_pct"], "+") + lost_in_words(row)
            found.setdefault((row["method"], row["variant"], row["modules"]), f"{points} ({suite})")
    return found


def _times(results: Path) -> dict[str, dict[int, float]]:
    """By method and K: the time of a step over end-to-end backpropagation's, on ResNet-32."""
    table = read_table(results / "cost_resnet32.csv", ("variant",))
    found: dict[str, dict[int, float]] = {}
    for row in table.to_dict("records"):
        found.setdefault(str(row["method"]), {})[int(row["modules"])] = float(row["time_ratio"])
    return found


def _nearest(times: dict[int, float], modules: int) -> str:
    """``1.87 (K = 4)``: at the nearest K that was measured."""
    if not times:
        return ""
    k = min(times, key=lambda k: (max(k, modules) / min(k, modules), k))
    return f"{times[k]:.2f} (K = {k})"


def lacking(rows: pd.DataFrame, methods: Iterable[str]) -> str:
    """Which methods are not in one network's rows, in a sentence; empty where all are.

    Args:
        rows: of one network.
        methods: ids of all that could be.
    """
    absent = sorted(set(methods) - set(rows["method"]))
    return f"Not simulated on it yet, or not for it: {', '.join(absent)}." if absent else ""


def batches(rows: pd.DataFrame) -> list[int]:
    """The batches that one network's rows can be read at: powers of two, the largest simulated one first."""
    low, high = int(rows["batch_low"].max()), int(rows["batch_high"].min())
    return [2**e for e in range(20, -1, -1) if low <= 2**e <= high]


def on_card(rows: pd.DataFrame, batch: int, memory: float) -> pd.DataFrame:
    """One network's rows at a batch, on a card of ``memory`` GB, those with the least memory first.

    Columns more: ``simulated``, ``least`` and ``most`` (GB), ``fits``, ``largest`` (batch that fits for sure, as a
    number), ``or_more`` (it is the largest that was simulated), ``of_bar``.
    """
    known = zip(rows[BATCHES].to_numpy().tolist(), rows[PEAKS].to_numpy().tolist(), strict=True)
    prints = [Footprint(batches, peaks) for batches, peaks in known]
    simulated = [one.at(batch) for one in prints]
    rows = rows.assign(simulated=pd.Series(simulated, index=rows.index, dtype=float))
    largest = [one.largest(held_for_sure(memory)) for one in prints]
    rows = rows.assign(largest=largest, or_more=rows["batch_high"] == largest)
    bounds = [on_a_card(value) for value in rows["simulated"]]
    bar = rows.loc[rows["method"] == CHECKPOINTING, "simulated"].min()
    rows = rows.assign(
        least=[least for least, _ in bounds],
        most=[most for _, most in bounds],
        fits=[verdict(value, memory) for value in rows["simulated"]],
        of_bar=rows["simulated"] / bar,
    )
    return rows.sort_values(["simulated", "method"], kind="stable").reset_index(drop=True)


def largest_in_words(row: Any) -> str:
    """``112``, ``128+``; a dash where not even the smallest simulated batch fits."""
    return f"{row['largest']:.0f}{'+' * bool(row['or_more'])}" if row["largest"] else "–"


def card_in_words(row: Any) -> str:
    """``6.2–6.9``."""
    return f"{row['least']:.1f}–{row['most']:.1f}"


def summary(rows: pd.DataFrame, memory: float) -> str:
    """What fits, in sentences; the rows are those of :func:`on_card`."""
    text = f"{(rows['fits'] == 'fits').sum()} of {len(rows)} rows fit {memory:g} GB for sure."
    twin = rows[rows["method"] == TWIN]
    if len(twin):
        found = twin.iloc[0]
        text += f" End-to-end backpropagation takes {card_in_words(found)} GB: it {found['fits']}."
    bars = rows[rows["method"] == CHECKPOINTING]
    if bars.empty:
        return text
    bar = bars.iloc[0]
    text += (
        f" The bar, gradient checkpointing at K = {bar['modules']}, takes {card_in_words(bar)} GB for "
        f"{bar['flops_ratio']:.2f} times the FLOPs: it {bar['fits']}."
    )
    below = rows[rows["of_bar"] < 1]
    return f"{text} {len(below)} rows need less memory than it."
