"""Transferability: whether a score of a frozen module on a target's pictures foretells what it is worth to that target.

The survey (Duan & Principe, arXiv 2101.03419, Sec. V) scores a module that learned one task by its proxy objective on
another's pictures, without training, and says that this describes the task space. Rivals, baselines and the trial of
them all are in ``benchmark/examining/estimators/transfer``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import Field

from benchmark.errors import UserError
from benchmark.examining.estimators.transfer.trial import SURVEY
from benchmark.examining.examination import Examination, Picture, Sat
from benchmark.examining.rows import ROW, said
from benchmark.examining.task_map import Block, Worth, pairs, summary
from benchmark.schema.plain import Strict

if TYPE_CHECKING:
    from benchmark.examining.network import Network

NAMES = {
    SURVEY: "proxy objective (survey)",
    "logme": "LogME",
    "leep": "LEEP",
    "nleep": "NLEEP",
    "nce": "NCE",
    "h_score": "H-score, shrunk",
    "sfda": "SFDA",
    "etran": "ETran",
    "gbc": "GBC",
}


class Options(Strict):
    """What a suite may say."""

    pictures: int = Field(default=500, ge=20, le=10**6)  # of a target's training part: for its scores, and for its head
    finetune: int = Field(default=0, ge=0, le=10**4)  # epochs; 0: the truth is a head's on frozen features


class Transfer(Examination[Options, Block]):
    title = "Transferability"
    version = 1
    lead = (
        "Which of many trained modules should another task start from? The survey says that a module's proxy objective "
        "on the new task's pictures tells, without any training. Here it stands beside eight scores of the literature, "
        "and beside a list that never looks at the new task. A score that does not beat the list is called no estimate."
    )
    notes = (
        "Every task is a source (a network that learned it, frozen before its classifier) and a target. The truth is "
        "the test accuracy of an output module, a logistic regression with a fixed penalty, that learned from "
        "training pictures of the target on those frozen features. Scores see the very same training pictures and no "
        "others; test pictures serve the truth alone. No source has seen them, nor, in a suite with a limit, the "
        "training pictures of targets. A target's own source is left out of all lists.",
        "Static list: the mean truth of a source over the other targets. It knows truths, which a score does not, but "
        "nothing of this target. Source accuracy: how well the source does its own task, on the validation split. "
        "Random: any order; its τ is 0.",
        "τ is Kendall's τ_b, mean over targets; weighted τ is Vigna's, in which the top of both lists weighs most, as "
        "SciPy has it. Intervals are of a bootstrap over targets and sources, 95 %. “Estimate”: both the difference "
        "in weighted τ to the static list, paired by target, and the τ itself are above 0 in so many of the draws that "
        "luck is out of the question at 5 %, also when as many scores are tried as here (Holm). Regret: what the "
        "pick costs, in points of accuracy, against the best source.",
        "How much there is to estimate: “alike” is the mean τ between the true rankings of two targets; at 1, one list "
        "serves all; near 0, none serves two, and to beat the static list is to beat chance. “Repeatable” is the mean "
        "τ between the rankings by two halves of the test pictures: where the truth does not agree with itself, no "
        "score can agree with it.",
    )
    columns = {  # noqa: RUF012
        **ROW,
        "score": ("Score", "or baseline"),
        "verdict": ("Verdict", "a score that does not beat the static list, and chance, is no estimate"),
        "p": ("p", "that it beats both by luck: two-sided, by the bootstrap, corrected for all scores tried (Holm)"),
        "weighted_tau": ("Weighted τ", "Vigna's, mean over targets"),
        "weighted_tau_low": ("from", "95 % interval of the weighted τ"),
        "weighted_tau_high": ("to", "95 % interval of the weighted τ"),
        "over_static": ("Over the list", "weighted τ less the static list's, mean over targets"),
        "over_static_low": ("from", "95 % interval of that difference"),
        "over_static_high": ("to", "95 % interval of that difference"),
        "over_survey": ("Over the survey's", "weighted τ less that of the survey's score, mean over targets"),
        "over_survey_low": ("from", "95 % interval of that difference"),
        "over_survey_high": ("to", "95 % interval of that difference"),
        "beats_static": ("Beats it at", "share of targets at which its weighted τ is above the static list's"),
        "tau": ("τ", "Kendall's τ_b, mean over targets"),
        "tau_low": ("from", "95 % interval of τ"),
        "tau_high": ("to", "95 % interval of τ"),
        "pearson": ("Pearson", "mean over targets"),
        "regret": ("Regret", "points of accuracy that the pick costs, mean over targets"),
        "regret_low": ("from", "95 % interval of the regret"),
        "regret_high": ("to", "95 % interval of the regret"),
        "alike": ("Alike", "mean τ between the true rankings of two targets"),
        "alike_low": ("from", "95 % interval of it, over targets"),
        "alike_high": ("to", "95 % interval of it, over targets"),
        "repeatable": ("Repeatable", "mean τ between the true rankings by two halves of the test pictures"),
        "tasks": ("Tasks", "each a source and a target"),
        "seeds": ("Seeds", "trained networks of each source; scores and truths are means over them"),
        "pictures": ("Pictures", "of a target that scores and heads learned from"),
        "truth": ("Truth", "how it was had"),
    }
    takes = Options
    finds = Block

    def examine(self, network: "Network", options: Options) -> Block:
        from benchmark.examining.estimators.heads import at_unit_norm, logistic
        from benchmark.examining.estimators.transfer.scores import FROM_FEATURES, FROM_PROBABILITIES
        from benchmark.examining.targets import alignment, finetuned, of_task, outputs, pool

        suite, own = network.suite, network.suite.backbone(network.cell.backbone)
        if not suite.tasks or own.task is None:
            raise UserError(
                f"Suite {network.cell.suite!r} has no `tasks`, between which something could be transferred."
            )
        base = own.key.removesuffix(f"_{own.task}")
        shared = pool(suite, options.pictures)
        train, test = outputs(network, shared.train), outputs(network, shared.test)
        found = []
        for target, groups in suite.tasks.items():
            shown, learned = of_task(shared.train.labels, groups, options.pictures)
            judged, truth = of_task(shared.test.labels, groups)
            y = learned.numpy()
            scores = {SURVEY: alignment(train.kernel[shown], y)}
            scores |= {name: score(train.features[shown], y) for name, score in FROM_FEATURES.items()}
            scores |= {name: score(train.probabilities[shown], y) for name, score in FROM_PROBABILITIES.items()}
            if options.finetune:
                parts = shared.train.at(shown).labelled(learned), shared.test.at(judged).labelled(truth)
                answers = finetuned(network, f"{base}_{target}", *parts, options.finetune)
            else:
                answers = logistic(at_unit_norm(train.features[shown]), y, at_unit_norm(test.features[judged]))
            hits = 100.0 * (answers == truth.numpy())
            middle = len(hits) // 2  # the order has all classes in both halves, in proportion
            halves = float(hits[:middle].mean()), float(hits[middle:].mean())
            found.append(Worth(target=target, scores=scores, truth=float(hits.mean()), halves=halves))
        assert network.record.accuracy is not None
        return Block(
            backbone=base,
            source=own.task,
            source_accuracy=network.record.accuracy.validation_top1,
            pictures=options.pictures,
            finetuned=options.finetune,
            targets=found,
        )

    def table(self, found: Sequence[Sat[Block]]) -> pd.DataFrame:
        return summary(found).reindex(columns=list(self.columns))

    def details(self, found: Sequence[Sat[Block]]) -> dict[str, pd.DataFrame]:
        return {"pairs": pairs(found)}

    def pictures(self, table: pd.DataFrame) -> Iterator[Picture]:
        from benchmark.examining.task_map_charts import correlations

        for section, rows in _sections(table):
            says = "Weighted Kendall's τ between each score and the truth, 95 % intervals"
            yield Picture(section, says, correlations(rows, NAMES))

    def pictures_of_details(self, details: Mapping[str, pd.DataFrame]) -> Iterator[Picture]:
        from benchmark.examining.task_map_charts import best_rival, task_map

        for section, rows in _sections(details["pairs"]):
            for score in (SURVEY, best_rival(rows, [name for name in NAMES if name != SURVEY])):
                says = f"{NAMES[score]}, beside the truth: which source for which target"
                yield Picture(section, says, task_map(rows, score))


def _sections(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each setting, under a heading."""
    for _, rows in table.groupby(list(ROW), dropna=False, sort=True):
        yield f"{rows['suite'].iloc[0]}, {rows['backbone'].iloc[0]}: {said(rows).iloc[0]}", rows
