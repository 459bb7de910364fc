"""Label efficiency: how well a head on frozen features does with a few labelled pictures of each class.

Duan, Chang & Principe 2023 and the survey (arXiv 2101.03419): hidden modules that learned from pairs alone need but a
few labels afterwards; published: 94.88 % on CIFAR-10 with a ResNet-18 and one label a class.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from benchmark.examining.estimators.heads import HEADS, at_unit_norm
from benchmark.examining.examination import Examination, Picture, Sat
from benchmark.examining.rows import ROW, by_row, mean_and_half, row_of, said
from benchmark.schema.plain import Strict
from benchmark.schema.record import Part
from benchmark.schema.suite import TWIN

if TYPE_CHECKING:
    from benchmark.examining.network import Network

ALL, FEW = "all", 5
ALONE = "alone"
FEWER_PAIRS = "_tenth|_hundredth"  # variants whose encoders see a part of the pairs
WORDS = {"logistic": "logistic regression", "mean": "nearest class mean"}
LEGEND: dict[str, Any] = {"orient": "bottom", "columns": 2, "labelLimit": 400}


class Options(Strict):
    """What a suite may say."""

    per_class: list[int] = Field(default=[1, 2, 5, 10, 50], min_length=1)  # labelled pictures of each class
    draws: int = Field(default=10, ge=1, le=1000)  # of the labelled pictures, up to 5 of each class; of more, half
    steps: int = Field(default=200, ge=0, le=10**6)  # of the end-to-end training on the labels alone; 0: none


class Score(Part):
    """Test accuracy of one head on one draw."""

    head: str  # one of HEADS, or ALONE
    per_class: int | None  # null: all training pictures
    draw: int
    test_top1: float  # percent


class Block(Part):
    """What is found of one cell."""

    features: int  # of a picture, that the head gets
    classes: int
    training_pictures: int
    hidden_labels: dict[str, int]  # that what comes before the head has learned from: kind -> pictures, as counted
    scores: list[Score]


class Labels(Examination[Options, Block]):
    title = "Label efficiency"
    version = 1
    lead = (
        "How few labels does a trained network need? Everything before the classifier is frozen; a new head learns "
        "from n labelled pictures of each class, the same ones for all rows, and answers for the whole test split. The "
        "survey says that hidden modules which learned from pairs alone (same class or not) need next to none."
    )
    notes = (
        "Hidden modules that saw all pairs have seen the partition into classes: n labels only name its parts. The "
        "column “Seen before the head” says of how many pictures which labels were used before the head, as the engine "
        "counted them; “Pairs” is how many pairs these pictures make. A pair tells at most 1 bit, a class log2 C.",
        "Fair rivals of rows that learned from pairs are others whose features learned from pairs as well "
        "(`supervised_contrastive`, end to end; its `alignment` is the survey's own objective at its own cut, where "
        "everything before the classifier is the one hidden module); the upper bound is `e2ebp`, whose features "
        "learned from all labels; the floor is `untrained`. “Alone” is end-to-end training on the n labels and nothing "
        "else, from the twin's initial weights, by the suite's recipe, for a fixed number of steps.",
        "Heads: multinomial logistic regression with an L2 penalty fixed beforehand (C = 10), and the nearest class "
        "mean, which has nothing to tune; both on pooled features of unit length. ± is a 95 % t interval over seeds of "
        "the mean over draws, and stands where there are two seeds or more; “Spread” is the standard deviation over "
        "draws. Nothing is selected on the test split.",
        "Published, for comparison: 94.88 % on CIFAR-10 with one label a class (ResNet-18, Duan et al. 2023).",
    )
    columns: ClassVar = {
        **ROW,
        "head": ("Head", "logistic: regression; mean: nearest class mean; alone: end-to-end training on the n labels"),
        "per_class": ("n a class", "labelled pictures of each class that the head learned from"),
        "labels": ("Labels", "labelled pictures that the head learned from"),
        "test_top1_pct": ("Accuracy, %", "test top-1, mean over draws and seeds"),
        "half_pct": ("±", "half of the 95 % t interval over seeds"),
        "spread_pct": ("Spread", "standard deviation over draws, points"),
        "n": ("Seeds", "trained networks"),
        "draws": ("Draws", "of labelled pictures, for each network"),
        "seen": ("Seen before the head", "pictures whose labels were used before the head, by kind"),
        "pairs": ("Pairs", "pairs that these pictures make, where pairs were used"),
        "features": ("Features", "of a picture"),
    }
    takes = Options
    finds = Block

    def examine(self, network: "Network", options: Options) -> Block:
        train, test = network.labels("train"), network.labels("test")
        everything = np.arange(len(train))
        shown = self._features(network, "train", everything)
        judged = self._features(network, "test", np.arange(len(test)))
        scores = []
        for n, draw, chosen in draws_of(train, options):
            for name, head in HEADS.items():
                hits = head(shown[chosen], train[chosen], judged) == test
                scores.append(Score(head=name, per_class=n, draw=draw, test_top1=100 * float(hits.mean())))
            if network.cell.method == TWIN and options.steps and n is not None:
                hits = self._alone(network, chosen, options.steps, draw) == test
                scores.append(Score(head=ALONE, per_class=n, draw=draw, test_top1=100 * float(hits.mean())))
        return Block(
            features=shown.shape[1],
            classes=len(np.unique(train)),
            training_pictures=len(train),
            hidden_labels=network.hidden_labels,
            scores=scores,
        )

    def _features(self, network: "Network", part: Literal["train", "test"], which: np.ndarray) -> np.ndarray:
        place = network.places[-1]
        return at_unit_norm(network.outputs(part, which, [place])[place])

    def _alone(self, network: "Network", which: np.ndarray, steps: int, draw: int) -> np.ndarray:
        from benchmark.examining.alone import trained_alone

        return trained_alone(network, which, steps, draw)

    def table(self, found: Sequence[Sat[Block]]) -> pd.DataFrame:
        rows = [row for sats in by_row(found) for row in _rows(sats)]
        return pd.DataFrame(rows, columns=list(self.columns)).astype({"pairs": "Int64"})

    def pictures(self, table: pd.DataFrame) -> Iterator[Picture]:
        for (suite, backbone), part in table.groupby(["suite", "backbone"], sort=True):
            section = f"{suite}, {backbone}"
            few = part["variant"].fillna("").str.contains(FEWER_PAIRS)
            for head, words in WORDS.items():
                rows = part[part["head"].isin([head, ALONE]) & ~few]
                if len(rows):
                    yield Picture(section, f"Accuracy by labels: {words} on frozen features", _curves(rows))
            rows = part[part["method"].isin(part.loc[few, "method"]) & (part["head"] == "mean")]
            if few.any():
                yield Picture(
                    section, "How many pairs are enough: nearest class mean, end-to-end encoders", _curves(rows)
                )


def _curves(rows: pd.DataFrame) -> Any:
    """Accuracy by labelled pictures a class, a line a row."""
    import altair as alt

    order = [str(n) for n in sorted({int(n) for n in rows["per_class"] if n != ALL})] + [ALL]
    shown = rows.assign(row=said(rows) + rows["head"].map(lambda head: ", alone" if head == ALONE else ""))
    names = sorted(shown["row"].unique())
    return (
        alt.Chart(shown[["row", "per_class", "test_top1_pct"]].astype({"per_class": str}))
        .mark_line(point=True)
        .encode(
            x=alt.X("per_class:O", sort=order, title="labelled pictures a class", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("test_top1_pct:Q", title="test accuracy, %", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "row:N", title=None, sort=names, scale=alt.Scale(scheme="tableau20"), legend=alt.Legend(**LEGEND)
            ),
            tooltip=["row", "per_class", alt.Tooltip("test_top1_pct", format=".2f")],
        )
        .properties(height=300)
    )


def draws_of(labels: np.ndarray, options: Options) -> Iterator[tuple[int | None, int, np.ndarray]]:
    """(n, number of the draw, numbers of the pictures): n of each class, and in the end (null) all of them.

    The same for all networks: they hang on the labels alone. Of a draw, few pictures are the first ones of many.
    """
    classes = np.unique(labels)
    for n in sorted(set(options.per_class)):
        for draw in range(options.draws if n <= FEW else ceil(options.draws / 2)):
            random = np.random.RandomState(draw)  # its stream never changes
            orders = [random.permutation(np.flatnonzero(labels == c)) for c in classes]
            yield n, draw, np.concatenate([order[:n] for order in orders])
    yield None, 0, np.arange(len(labels))


def _rows(sats: Sequence[Sat[Block]]) -> Iterator[dict[str, Any]]:
    """The rows of the networks that differ by seed alone: one for each head and number of labels."""
    block = sats[0].block
    paired = block.hidden_labels.get("pairs")
    of_row = row_of(sats[0].cell) | {
        "seen": ", ".join(f"{kind}: {count}" for kind, count in block.hidden_labels.items()) or "none",
        "pairs": paired * (paired - 1) // 2 if paired else None,
        "features": block.features,
    }
    by_seed: list[dict[Any, list[float]]] = [{(s.head, s.per_class): [] for s in sat.block.scores} for sat in sats]
    for scores, sat in zip(by_seed, sats, strict=True):
        for score in sat.block.scores:
            scores[score.head, score.per_class].append(score.test_top1)
    for head, n in sorted(by_seed[0], key=lambda key: (key[0], key[1] is None, key[1] or 0)):
        drawn = [of[head, n] for of in by_seed if (head, n) in of]
        mean, half = mean_and_half(float(np.mean(each)) for each in drawn)
        draws = min(map(len, drawn))
        nothing = {"seen": "none", "pairs": None} if head == ALONE else {}  # it begins with the initial weights
        yield (
            of_row
            | nothing
            | {
                "head": head,
                "per_class": ALL if n is None else n,
                "labels": block.training_pictures if n is None else n * block.classes,
                "test_top1_pct": mean,
                "half_pct": half,
                "spread_pct": np.mean([np.std(each, ddof=1) for each in drawn]) if draws > 1 else None,
                "n": len(drawn),
                "draws": draws,
            }
        )
