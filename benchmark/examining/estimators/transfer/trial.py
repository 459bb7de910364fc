"""Whether a score is worth anything: its lists of sources against a list that never looks at the target.

A table of scores and one of truths, targets by sources, the same tasks in both. A target's own source is left out: it
was trained on the answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.examining.estimators.transfer.ranking import kendall, pearson, regret, weighted_kendall
from benchmark.holm import holm_adjusted

Statistic = Callable[[NDArray, NDArray, NDArray], NDArray]  # of benchmark.examining.estimators.transfer.ranking
SURVEY = "proxy"  # the survey's score
STATIC, SOURCE, RANDOM = "static list", "source accuracy", "random"
BASELINES = (STATIC, SOURCE, RANDOM)
DRAWS = 1000
AT_ONCE = 2**15  # sources of so many draws, squared, are compared at once: their pairs stay in a core's cache
SEED = 20210115  # of the bootstrap's draws
COVERAGE = 0.95
FEWEST = 4  # tasks: with three, a target has two sources


@dataclass(frozen=True)
class Interval:
    """A mean over targets, and its bootstrap interval over targets and sources."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Trial:
    """What became of one score."""

    score: str
    weighted_tau: Interval
    tau: Interval
    pearson: Interval
    regret: Interval  # points of accuracy
    beats_static: float  # share of targets where its weighted τ is above the static list's; equal ones count half
    over_static: Interval  # difference of weighted τ, paired by target
    over_survey: Interval | None  # the same to the survey's score, where that is tried, too
    p: float  # that it beats both the static list and chance by luck: two-sided, corrected for all scores tried (Holm)

    @property
    def verdict(self) -> str:
        """A score that does not beat the static list, and chance, is no estimate; a baseline is none anyway."""
        if self.score in BASELINES:
            return "baseline"
        return "estimate" if self.p <= 1 - COVERAGE else "no estimate"


def static_list(truths: NDArray) -> NDArray:
    """For each target, the mean truth of each source over all *other* targets, (T, S); not over its own task."""
    others = np.where(np.eye(len(truths), dtype=bool), np.nan, truths)
    total, count = np.nansum(others, 0), (~np.isnan(others)).sum(0)
    own = ~np.isnan(others)
    mean: NDArray = (total - np.where(own, truths, 0)) / np.maximum(count - own, 1)
    return mean


def trials(
    scores: Mapping[str, NDArray], truths: NDArray, source_accuracy: NDArray, draws: int = DRAWS
) -> dict[str, Trial]:
    """Each score, and the baselines, by name.

    Args:
        scores: (T, T) each: row target, column source.
        truths: (T, T), percent.
        source_accuracy: (T,), of each source at its own task.
        draws: of the bootstrap, which draws targets and sources with replacement, the same for all scores.

    Raises:
        ValueError: there are fewer than four tasks.
    """
    tasks = len(truths)
    if tasks < FEWEST:
        raise ValueError(f"{tasks} tasks are too few to rank sources; it takes {FEWEST}")
    lists = {
        **scores,
        STATIC: static_list(truths),
        SOURCE: np.broadcast_to(source_accuracy, truths.shape),
        RANDOM: np.zeros(truths.shape),
    }
    resampled = Resampled(tasks, draws)
    weighted = {name: resampled.of(weighted_kendall, table, truths) for name, table in lists.items()}
    static, survey = weighted[STATIC], weighted.get(SURVEY)
    by_luck = [2 * max(own.less(static).not_above_zero(), own.not_above_zero()) for own in weighted.values()]
    p = dict.fromkeys(lists, 1.0) | dict(zip(scores, holm_adjusted(np.array(by_luck[: len(scores)])), strict=True))
    return {
        name: Trial(
            score=name,
            weighted_tau=own.interval(),
            tau=resampled.of(kendall, lists[name], truths).interval(),
            pearson=resampled.of(pearson, lists[name], truths).interval(),
            regret=resampled.of(regret, lists[name], truths).interval(),
            beats_static=float((np.sign(own.by_target - static.by_target) / 2 + 0.5).mean()),
            over_static=own.less(static).interval(),
            over_survey=own.less(survey).interval() if survey else None,
            p=float(p[name]),
        )
        for name, own in weighted.items()
    }


@dataclass(frozen=True)
class Sample:
    """A statistic for each target, and its means over targets in each draw."""

    by_target: NDArray
    means: NDArray

    def less(self, other: "Sample") -> "Sample":
        """The difference, target by target and draw by draw."""
        return Sample(self.by_target - other.by_target, self.means - other.means)

    def interval(self) -> Interval:
        """Mean, and percentiles of the draws."""
        tail = (1 - COVERAGE) / 2
        low, high = np.quantile(self.means, [tail, 1 - tail])
        return Interval(float(self.by_target.mean()), float(low), float(high))

    def not_above_zero(self) -> float:
        """One-sided p: the share of the draws that are not above 0, the sample itself counted as one that is not."""
        return float((1 + (self.means <= 0).sum()) / (1 + len(self.means)))


class Resampled:
    """Draws of targets and of sources with replacement, the same for whatever is asked."""

    def __init__(self, tasks: int, draws: int) -> None:
        draw = np.random.default_rng(SEED)
        self.targets = draw.integers(0, tasks, size=(draws, tasks))
        sources = draw.integers(0, tasks, size=(draws, tasks))
        self.sources = np.array_split(sources, 1 + draws * tasks**2 // AT_ONCE)
        self.tasks = np.arange(tasks)

    def of(self, statistic: Statistic, scores: NDArray, truths: NDArray) -> Sample:
        """A statistic per target, and its mean over targets in every draw."""
        by_target = statistic(scores, truths, self.tasks[None] != self.tasks[:, None])
        drawn = np.concatenate([self._few(statistic, scores, truths, few) for few in self.sources])  # (draws, targets)
        return Sample(by_target, np.take_along_axis(drawn, self.targets, axis=1).mean(1))

    def _few(self, statistic: Statistic, scores: NDArray, truths: NDArray, sources: NDArray) -> NDArray:
        """For a few draws of sources (draws, sources), the statistic of each target, (draws, targets)."""
        return np.stack([statistic(scores[t][sources], truths[t][sources], sources != t) for t in self.tasks], axis=1)


def changes(truths: NDArray, draws: int = DRAWS) -> Interval:
    """How alike the targets rank the sources: mean Kendall's τ_b over pairs of targets, both own sources left out.

    1: one list serves all targets, and nothing is left to estimate. The draws are of targets; equal ones make no pair.
    """
    tasks = len(truths)
    alike = np.full((tasks, tasks), np.nan)
    for a in range(tasks):
        for b in range(a):
            valid = ~np.isin(np.arange(tasks), (a, b))
            alike[a, b] = alike[b, a] = kendall(truths[a], truths[b], valid)
    drawn = np.random.default_rng(SEED).integers(0, tasks, size=(draws, tasks))
    means = np.array([np.nanmean(alike[np.ix_(d, d)]) if len(set(d)) > 1 else 1.0 for d in drawn])
    return Sample(alike[~np.isnan(alike)], means).interval()


def repeatable(halves: NDArray) -> float:
    """Mean τ_b over targets between the truths on two halves of the test pictures, (2, T, T): what noise leaves."""
    others = ~np.eye(halves.shape[1], dtype=bool)
    return float(kendall(halves[0], halves[1], others).mean())
