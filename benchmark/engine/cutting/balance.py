"""Cutting a row of units so that the largest of K modules is as small as can be: exact, by dynamic programming."""

from collections.abc import Callable, Sequence
from itertools import accumulate

Cost = Callable[[int, int], int]  # of the run of units [start, end)
INFINITY = float("inf")


def balanced_ends(costs: Sequence[int], carried: Sequence[int], k: int) -> list[int]:
    """Ends (exclusive; the last is `len(costs)`) of `k` non-empty runs of units with the smallest maximal cost.

    `costs[u]` is what unit u adds to its run, `carried[u]` what a run that starts at u pays on top of it. Of all
    optima it is the one with the smallest sum of squares, and of those the one whose last runs are longest.
    """
    total = [0, *accumulate(costs)]

    def cost(start: int, end: int) -> int:
        return total[end] - total[start] + carried[start]

    largest, _ = _best_runs(cost, len(costs), k, INFINITY, lambda so_far, run: max(so_far, run))
    _, ends = _best_runs(cost, len(costs), k, largest, lambda so_far, run: so_far + run * run)
    return ends


def _best_runs(
    cost: Cost, units: int, k: int, limit: float, join: Callable[[float, int], float]
) -> tuple[float, list[int]]:
    """Smallest value of `join` over all ways to make `k` runs of at most `limit` each, and their ends."""
    best = [0.0] + [INFINITY] * units  # over the ways to make the runs so far out of the first u units
    starts: list[list[int]] = []  # of the last of those runs
    for run in range(1, k + 1):
        value, start_of = [INFINITY] * (units + 1), [0] * (units + 1)
        for end in range(run, units - (k - run) + 1):
            for start in range(run - 1, end):
                size = cost(start, end)
                if size <= limit and (joined := join(best[start], size)) < value[end]:
                    value[end], start_of[end] = joined, start
        best = value
        starts.append(start_of)
    ends = [units]
    for start_of in reversed(starts[1:]):
        ends.insert(0, start_of[ends[0]])
    return best[units], ends
