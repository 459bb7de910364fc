"""Memory as a function of the batch, and what a card will hold: arithmetic alone, which the pages use, too.

GB are 1e9 bytes. A card that is sold as one of 8 GB has about 8.6 of them; what it keeps for itself and for the screen
comes out of the difference.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

GB = 1e9  # bytes
STRAIGHT = 0.01  # fraction by which a peak may miss the line through its neighbours and still be called linear
# What GPUs of the papers took beyond the simulation: of ten trainings whose cuts are known (`beyond plan --published`;
# Wang et al. 2021, tables 3 and 4) all lie between these two, the CIFAR ones by the sum, ImageNet's by the factor.
LEAST_GAP, LEAST_FACTOR = 0.7, 1.08  # GB, ratio; the larger of the two counts
MOST_GAP, MOST_FACTOR = 1.0, 1.20
Verdict = Literal["fits", "may fit", "does not fit"]


def on_a_card(simulated: float) -> tuple[float, float]:
    """Between which GB a GPU's own figure is expected for so many simulated GB."""
    least = max(simulated + LEAST_GAP, simulated * LEAST_FACTOR)
    return least, max(simulated + MOST_GAP, simulated * MOST_FACTOR)


def held_for_sure(memory: float) -> float:
    """Simulated GB that fit a card of so much memory for sure, as far as the gap is known."""
    return max(0.0, min(memory - MOST_GAP, memory / MOST_FACTOR))


def verdict(simulated: float, memory: float) -> Verdict:
    """Whether so many simulated GB fit a card of ``memory`` GB."""
    least, most = on_a_card(simulated)
    return "fits" if most <= memory else "may fit" if least <= memory else "does not fit"


@dataclass(frozen=True)
class Footprint:
    """Simulated peaks (GB) at some batches, ascending; between two of them the line through both.

    Below the first batch its own peak counts, which is more than is needed; beyond the last one nothing is said.
    """

    batches: Sequence[int]
    peaks: Sequence[float]

    def at(self, batch: int) -> float | None:
        """Simulated GB at a batch; none beyond the largest that was simulated."""
        right = bisect_left(self.batches, batch)
        if right == len(self.batches):
            return None
        if right == 0:
            return self.peaks[0]
        (b0, b1), (p0, p1) = self.batches[right - 1 : right + 1], self.peaks[right - 1 : right + 1]
        return p0 + (p1 - p0) * (batch - b0) / (b1 - b0)

    def largest(self, simulated: float) -> int:
        """The largest batch that takes at most so many simulated GB; 0: not even the smallest simulated one does."""
        if self.peaks[0] > simulated:
            return 0
        for left in range(len(self.batches) - 1, -1, -1):
            if self.peaks[left] <= simulated:
                break
        if left == len(self.batches) - 1:
            return self.batches[-1]
        (b0, b1), (p0, p1) = self.batches[left : left + 2], self.peaks[left : left + 2]
        return int(b0 + (b1 - b0) * (simulated - p0) / (p1 - p0))

    def line(self) -> tuple[float, float] | None:
        """(a, b) of ``a + b * batch`` in GB, where all peaks lie on the line through the outermost; else none."""
        if len(self.batches) < 3:  # through two points there is always a line
            return None
        slope = (self.peaks[-1] - self.peaks[0]) / (self.batches[-1] - self.batches[0])
        start = self.peaks[0] - slope * self.batches[0]
        off = [abs(p / (start + slope * b) - 1) for b, p in zip(self.batches, self.peaks, strict=True)]
        return (start, slope) if max(off) <= STRAIGHT else None
