"""The tables of transferability: sources by targets, and what became of each score."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.examining.estimators.transfer.trial import FEWEST, Interval, changes, repeatable, trials
from benchmark.examining.examination import Sat
from benchmark.examining.rows import ROW, row_of
from benchmark.schema.record import EXACT, Part


class Worth(Part):
    """One source to one target."""

    target: str
    scores: dict[str, float]  # of the target's training pictures
    truth: float  # accuracy on the target's test pictures, percent
    halves: tuple[float, float]  # the same on two halves of them


class Block(Part):
    """What is found of one cell, a source."""

    backbone: str  # without the task
    source: str
    source_accuracy: float  # at its own task, validation split, percent
    pictures: int  # of each target, for scores and head
    finetuned: int  # epochs; 0: a head on frozen features
    targets: list[Worth]


@dataclass(frozen=True)
class TaskMap:
    """All sources of one row, (T, T) target by source, means over seeds."""

    row: dict[str, Any]
    tasks: tuple[str, ...]
    scores: dict[str, NDArray]
    truths: NDArray  # percent; equal where hits are, as a tie is none of the pairs that a score can order
    halves: NDArray  # (2, T, T)
    source_accuracy: NDArray  # (T,), percent
    seeds: int
    pictures: int
    truth: str  # how it was had


def task_maps(found: Sequence[Sat[Block]]) -> Iterator[TaskMap]:
    """Of each row that has sources enough, whatever the order in which they were found."""
    rows: dict[tuple[Any, ...], list[Sat[Block]]] = {}
    for sat in found:
        row = row_of(sat.cell) | {"backbone": sat.block.backbone}
        rows.setdefault(tuple(row.values()), []).append(sat)
    for key in sorted(rows, key=str):
        names = {sat.block.source for sat in rows[key]}
        tasks = tuple(worth.target for worth in rows[key][0].block.targets if worth.target in names)
        if len(tasks) >= FEWEST:
            yield _task_map(dict(zip(ROW, key, strict=True)), tasks, [sat.block for sat in rows[key]])


def _task_map(row: dict[str, Any], tasks: tuple[str, ...], blocks: Sequence[Block]) -> TaskMap:
    by_source = {task: [block for block in blocks if block.source == task] for task in tasks}
    worth = {task: [{w.target: w for w in block.targets} for block in of] for task, of in by_source.items()}

    def over_seeds(read: Any) -> NDArray:
        """(T, T): a number of each source and target, mean over the source's seeds."""
        return np.array([[np.mean([read(one[t]) for one in worth[s]]) for s in tasks] for t in tasks])

    first = blocks[0]
    return TaskMap(
        row=row,
        tasks=tasks,
        scores={name: over_seeds(lambda w, name=name: w.scores[name]) for name in first.targets[0].scores},
        truths=over_seeds(lambda w: w.truth).round(EXACT),
        halves=np.stack([over_seeds(lambda w, half=half: w.halves[half]) for half in (0, 1)]).round(EXACT),
        source_accuracy=np.array([np.mean([b.source_accuracy for b in by_source[s]]) for s in tasks]).round(EXACT),
        seeds=min(map(len, by_source.values())),
        pictures=first.pictures,
        truth=f"fine-tuned, {first.finetuned} epochs" if first.finetuned else "head on frozen features",
    )


def pairs(found: Sequence[Sat[Block]]) -> pd.DataFrame:
    """A row for each source and target: the truth, and every score."""
    rows = [
        of.row
        | {"source": source, "target": target, "truth_pct": of.truths[t, s]}
        | {name: table[t, s] for name, table in of.scores.items()}
        for of in task_maps(found)
        for s, source in enumerate(of.tasks)
        for t, target in enumerate(of.tasks)
    ]
    return pd.DataFrame(rows)


def summary(found: Sequence[Sat[Block]]) -> pd.DataFrame:
    """A row for each score and baseline: what its lists are worth, best first."""
    return pd.DataFrame([row for of in task_maps(found) for row in _judged(of)])


def _judged(of: TaskMap) -> list[dict[str, Any]]:
    shared = of.row | _ends("alike", changes(of.truths))
    shared |= {"repeatable": repeatable(of.halves), "tasks": len(of.tasks), "seeds": of.seeds}
    shared |= {"pictures": of.pictures, "truth": of.truth}
    judged = trials(of.scores, of.truths, of.source_accuracy).values()
    return [
        shared
        | {"score": trial.score, "verdict": trial.verdict, "p": trial.p, "beats_static": trial.beats_static}
        | _ends("weighted_tau", trial.weighted_tau)
        | _ends("over_static", trial.over_static)
        | _ends("over_survey", trial.over_survey)
        | _ends("tau", trial.tau)
        | _ends("pearson", trial.pearson)
        | _ends("regret", trial.regret)
        for trial in sorted(judged, key=lambda trial: -trial.weighted_tau.mean)
    ]


def _ends(name: str, of: Interval | None) -> dict[str, float]:
    return {} if of is None else {name: of.mean, f"{name}_low": of.low, f"{name}_high": of.high}
