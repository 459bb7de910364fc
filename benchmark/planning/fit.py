"""`beyond fit`: who has a network and a card: which methods fit it, in how many modules, and up to what batch.

Gradient checkpointing is the bar: it is exactly backpropagation, so a method that needs as much memory buys nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console

from benchmark.errors import UserError
from benchmark.planning.footprint import GB, Footprint, held_for_sure, on_a_card, verdict
from benchmark.planning.gpus import On
from benchmark.planning.network import MODULES, Network, check_network, methods_asked, recipe_of
from benchmark.planning.simulated import Simulated, Training, simulate_all
from benchmark.planning.table import Row, print_rows
from benchmark.schema.suite import CHECKPOINTING, TWIN

UNITS = {"": 1e9, "gb": 1e9, "gib": 2.0**30, "mb": 1e6, "mib": 2.0**20}
STEP = 4  # between simulated batches
SMALLEST = 2  # batch: BatchNorm refuses one picture where a map has one position
SHOWN = {
    **{"name": "method", "modules": "K", "fits": "", "simulated": "peak GB", "card": "on a card"},
    **{"batch": "batch ≤", "flops_ratio": "FLOP×", "of_bar": "÷ bar", "hours": "hours"},
}
LEGEND = (
    "peak: of one training step, simulated. on a card: what its GPU is expected to take, by what GPUs of a paper took "
    "beyond the simulation (`beyond plan --published`). batch ≤: the largest that fits for sure (+: or more). FLOP×: "
    "over end-to-end backpropagation's. ÷ bar: peak over the least that gradient checkpointing, which is exactly "
    "backpropagation, needs at any K here: nothing is gained at 1 or more. Trained by SGD with momentum, fp32."
)


class FitRow(Row):
    """One (method, variant, K) on a card; GB are simulated where nothing else is said."""

    simulated: float | None = None
    flops: int | None = None
    card_gb: tuple[float, float] = (0.0, 0.0)
    fits: str = ""
    largest: int = 0
    or_more: bool = False  # the largest batch that was simulated fits
    flops_ratio: float | None = None
    of_bar: float | None = None
    hours: str = ""  # on a GPU that was asked for

    @property
    def card(self) -> str:
        """``6.2–6.9``."""
        return f"{self.card_gb[0]:.1f}–{self.card_gb[1]:.1f}"

    @property
    def batch(self) -> str:
        """``112``, ``512+``; a dash where not even the smallest fits."""
        return f"{self.largest:,}{'+' * self.or_more}" if self.largest else "–"


def gigabytes(said: str) -> float:
    """``8GB``, ``8 GiB``, ``8192MB`` or ``8`` in GB of 1e9 bytes.

    Raises:
        UserError: it is no amount of memory.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", said.lower())
    if not found or found[2] not in UNITS or not float(found[1]):
        raise UserError(f"--memory {said!r} is no amount of memory; write 8GB, 8GiB or 8192MB.")
    return float(found[1]) * UNITS[found[2]] / GB


def fit(
    network: Network,
    batch: int,
    memory: float,
    methods: Sequence[str],
    console: Console | None = None,
    jobs: int | None = None,
) -> list[FitRow]:
    """Every method in 2 to 16 modules on a card of ``memory`` GB, those with the least memory first."""
    smaller = max(SMALLEST, batch // STEP)
    trainings = list(network.trainings(methods, MODULES, batch, further=(smaller,)))
    found = simulate_all(trainings, f"{network.backbone}, batch {smaller} and {batch}", console, jobs)
    held = held_for_sure(memory)
    others = [_another_batch(one, made, held) for one, made in zip(trainings, found, strict=True)]
    again = [replace(one, batch=other, further=()) for one, other in zip(trainings, others, strict=True) if other]
    more = iter(simulate_all(again, f"{network.backbone}, the largest batches", console, jobs))
    rows = []
    for one, made, other in zip(trainings, found, others, strict=True):
        third = {other: found_there.cost} if other and (found_there := next(more)).cost else {}
        rows.append(_row(one, made, {b: cost.peak_bytes / GB for b, cost in third.items() if cost}, memory))
    return sorted(_beside_references(rows), key=lambda row: (row.simulated is None, row.simulated))


def _another_batch(training: Training, made: Simulated, held: float) -> int | None:
    """A batch on the other side of what a card holds, where both that were simulated lie on one; none: not needed."""
    if made.cost is None:
        return None
    (low,) = training.further
    small, large = made.peaks[0] / GB, made.cost.peak_bytes / GB
    if small <= held < large:
        return None
    if small > held:
        return SMALLEST if low > SMALLEST else None
    a_picture = (large - small) / (training.batch - low) if training.batch > low else large / low
    beyond = training.batch + 1.05 * (held - large) / a_picture if a_picture > 0 else float("inf")
    return max(training.batch + 1, int(min(STEP * training.batch, beyond)))


def _row(training: Training, made: Simulated, further: Mapping[int, float], memory: float) -> FitRow:
    row = FitRow(method=training.method, variant=training.variant, modules=training.modules, note=made.note)
    if made.cost is None:
        return row
    simulated = made.cost.peak_bytes / GB
    peaks = {training.further[0]: made.peaks[0] / GB, training.batch: simulated, **further}
    known = Footprint(*zip(*sorted(peaks.items()), strict=True))
    largest = known.largest(held_for_sure(memory))
    return row.model_copy(
        update={
            "simulated": simulated,
            "card_gb": on_a_card(simulated),
            "fits": verdict(simulated, memory),
            "largest": largest,
            "or_more": largest == max(peaks),
            "flops": made.cost.step_flops,
        }
    )


def _beside_references(rows: Sequence[FitRow]) -> list[FitRow]:
    """The rows with their ratios: of FLOPs to the end-to-end twin's, of memory to the bar."""
    twin = next((row.flops for row in rows if row.method == TWIN), None)
    bar = least(rows)
    return [
        row.model_copy(
            update={
                "flops_ratio": row.flops / twin if row.flops and twin else None,
                "of_bar": row.simulated / bar if row.simulated and bar else None,
            }
        )
        for row in rows
    ]


def least(rows: Sequence[FitRow]) -> float | None:
    """GB that gradient checkpointing needs at the best K; none where it cannot be had."""
    return min((row.simulated for row in rows if row.method == CHECKPOINTING and row.simulated), default=None)


def print_fit(
    backbone: str,
    image: int,
    batch: int,
    memory: str,
    methods: Sequence[str] | None,
    console: Console,
    jobs: int | None = None,
    on: On | None = None,
) -> None:
    """Print what fits.

    Raises:
        UserError: the network cannot be built or cut, or a number is none.
    """
    network, held, on, recipe = Network(backbone, image), gigabytes(memory), on or On(), recipe_of(batch)
    on.check(recipe.precision)
    check_network(network, batch)
    rows = [
        row.model_copy(update={"hours": on.said(row.flops, recipe)})
        for row in fit(network, batch, held, methods_asked(methods), console, jobs)
    ]
    print_rows(rows, SHOWN, f"{backbone}, {image} x {image}, batch {batch:,}, on a card of {held:g} GB", console)
    console.print(summary(rows), highlight=False)
    console.print(LEGEND, style="dim", highlight=False)
    on.explain(recipe.precision, console)


def summary(rows: Sequence[FitRow]) -> str:
    """How many rows fit, and how many of them beat the bar."""
    measured = [row for row in rows if row.simulated]
    text = f"{sum(row.fits == 'fits' for row in measured)} of {len(measured)} rows fit for sure."
    bar = next((row for row in measured if row.method == CHECKPOINTING and row.of_bar == 1), None)
    if bar is None:
        return text
    below = sum(row.of_bar is not None and row.of_bar < 1 for row in measured)
    return (
        f"{text} The bar is gradient checkpointing at K = {bar.modules}: {bar.simulated:.2f} GB (it {bar.fits}), for "
        f"{bar.flops_ratio:.2f} times the FLOPs; {below} rows need less memory."
    )
