"""What the columns of leaderboard.csv mean: the one place that names them, and how a number is written.

Light on purpose: the dashboard imports it at every start.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmark.schema.suite import TWIN

REFERENCE = "end-to-end"  # the family that the others are measured by: it is never ranked, and never the best
ENOUGH = 3  # seeds; a row of fewer is neither ranked, nor best, nor a headline: what it says may be chance
LEFT = 1e-7  # of a last decimal: what sums in another order differ by
SHARED = "shared"  # the recipe of an identity that names none
COMPARISON = "comparison"  # the role of a suite that says which method is better
TRACK = "track"  # of one whose networks are examined afterwards, and whose training is but brief
SMOKE_TEST = "smoke test"  # the role of a suite that says whether methods run and learn, and not which is better


class Column(NamedTuple):
    """A column of leaderboard.csv: what it means, and its decimals (0: whole number, None: text)."""

    meaning: str
    decimals: int | None = None


COLUMNS: dict[str, Column] = {
    "suite": Column("protocol of suites.yaml"),
    "role": Column("comparison; or what ranks none: smoke test (do methods run and learn?), track (to be examined)"),
    "dataset": Column("data set"),
    "source": Column("where its pictures came from"),
    "backbone": Column("timm name of the network, or what the suite calls this setting of it"),
    "stem": Column("native, or small: 3x3 convolution of stride 1, no pooling"),
    "rank_low": Column(
        "best rank that the method may have in its suite, over all its backbones and K: 1 and how many are certainly "
        "above it, by moderated t tests over seeds with Holm's correction for the number of pairs; empty for a "
        "reference, in a smoke test or a track, where a cell is missing, and of fewer than 3 seeds",
        0,
    ),
    "rank_high": Column("worst rank that it may have: the methods ranked, less those certainly below it", 0),
    "method": Column("id: the file's name in methods/"),
    "variant": Column("named option set of the method"),
    "recipe": Column(
        "whose recipe trained it: the suite's, shared by all methods; the method's best of equally many tries, tuned; "
        "or a paper's"
    ),
    "leads": Column("yes where the suite's ranks are of this recipe, else no"),
    "times": Column("multiple of the suite's epochs, of a reference run of the end-to-end twin; else empty", 2),
    "title": Column("name of the method"),
    "family": Column("end-to-end, weakly modular (one forward pass) or strictly modular (one module after the other)"),
    "year": Column("year of the paper", 0),
    "paper": Column("address of the paper"),
    "modules": Column("K, the number of modules that the network was cut into", 0),
    "cuts": Column("names of the K - 1 cut points; K alone is not comparable across papers"),
    "status": Column("ok, or how many of the n cells ended otherwise or were not run"),
    "test_top1_pct": Column("test accuracy after the last epoch, mean over seeds, percent", 2),
    "test_top1_half_pct": Column("half of its 95 % t interval over seeds; empty for one seed", 2),
    "n_ok": Column("seeds that ran to the end: the n of the means", 0),
    "n_total": Column("seeds that were started", 0),
    "n_asked": Column("seeds that the suite asks for, by this recipe", 0),
    "vs_best": Column(
        "best: highest mean of this suite, backbone and recipe, among rows of at least 3 seeds of which none is "
        "missing, references left out; not distinguishable: the 95 % t interval of the per-seed differences to it "
        "holds zero; below: it lies below zero; empty: a reference, a smoke test or a track, fewer than 3 common "
        "seeds, a row with missing seeds that stands above, or a setting in which most rows lack seeds still"
    ),
    "vs_e2ebp_pct": Column(
        "accuracy minus that of the end-to-end twin of the same seed, recipe and suite's epochs, mean, points", 2
    ),
    "vs_e2ebp_half_pct": Column("half of its 95 % t interval over the pairs", 2),
    "n_pairs": Column("seeds that both finished: the n of the difference", 0),
    "equal_epochs_pct": Column(
        "accuracy minus the end-to-end twin's at as many epochs, those of all phases together: interpolated for each "
        "seed between its runs of other lengths, linear in the logarithm; mean, points; empty outside their range",
        2,
    ),
    "equal_epochs_half_pct": Column("half of its 95 % t interval over the pairs", 2),
    "n_equal_epochs": Column("seeds that have both: the n of the difference", 0),
    "equal_flops_pct": Column("the same at as many FLOPs of the whole training", 2),
    "equal_flops_half_pct": Column("half of its 95 % t interval over the pairs", 2),
    "n_equal_flops": Column("seeds that have both: the n of the difference", 0),
    "test_top5_pct": Column("top-5 test accuracy after the last epoch, mean over seeds, percent", 2),
    "validation_top1_pct": Column("accuracy on the held-out part of the training data, mean over seeds, percent", 2),
    "memory_ratio": Column("peak memory of a training step over that of the end-to-end twin; simulated", 3),
    "peak_mb": Column("peak of simulated tensor bytes in a training step, 10^6 bytes; not GPU memory", 2),
    "time_ratio": Column(
        "time of a training step over that of the end-to-end twin, interleaved; of several phases the sum, each times "
        "its share of the suite's epochs; empty where seeds ran on several devices, or the twin did not fit",
        3,
    ),
    "flops_ratio": Column(
        "FLOPs of a training step over those of the end-to-end twin; of several phases the sum, each times its share "
        "of the suite's epochs",
        3,
    ),
    "train_tflops": Column("FLOPs of the whole training, all phases together, 10^12", 3),
    "parameters": Column("parameters that are deployed", 0),
    "auxiliary_parameters": Column("parameters that are thrown away after training", 0),
    "labels_full": Column("pictures whose class training used; 0 for none", 0),
    "labels_pairs": Column("pictures of which it used, in some part of it, only whether two share a class", 0),
    "labels_none": Column("pictures that it used, in some part of it, without any label", 0),
    "removes": Column("locks that the method removes: forward, update or backward (Jaderberg et al. 2017)"),
    "isolation": Column("held: losses were seen to move no further modules than the method claims; leaks: they did"),
    "reach": Column("neighbouring modules beside its own that a loss may move; 0: gradient-isolated", 0),
    "requires": Column("what the method needs of a backbone, where not every one will do"),
    "verification": Column(
        "who trained cells of the row again from nothing, by `beyond verify`, and found them to agree: its authors, "
        "also on another machine (another model of GPU or processor), or somebody else, by git's names; failed: one "
        "did not agree; of an older file: the record was trained again since; never: nobody has tried"
    ),
    "rerun_by": Column("names of who did, as git knows them"),
    "rerun_on": Column("models of the GPUs or processors on which they did"),
    "epochs": Column("rows of the learning curve, all phases together", 0),
    "device": Column("machine of the times, the model of its GPU or processor; several are parted by a slash"),
    "protocol": Column("version of the engine's numbers", 0),
}
LABELS = {"labels_full": "full", "labels_pairs": "pairs", "labels_none": "none"}  # column -> kind, as records say
RECIPE_COLUMNS = ("optimizer", "lr", "weight_decay")  # of tables of searches; what else a trial changes is in another
CURVE = ["suite", "method", "variant", "recipe", "times", "backbone", "modules", "source", "stem", "protocol"]
SETTING = ["suite", "dataset", "backbone", "stem", "protocol", "recipe"]  # what a cell shares with its twin
ROW = [*SETTING, "method", "variant", "family", "modules", "times"]
PAIRED = [*SETTING, "source", "seed"]
FILLED = ["source", "cuts"]  # part of a row too, but a failed cell may not have come so far as to know them


def is_twin(rows: pd.DataFrame) -> pd.Series:
    """Which rows, or cells, are the end-to-end twin's, those of its references among them."""
    return (rows["method"] == TWIN) & (rows["modules"] == 1)


def complete(board: pd.DataFrame) -> pd.Series:
    """Which rows have all the seeds that their suite asks for, each of them ended ``ok``."""
    return (board["n_ok"] == board["n_total"]) & (board["n_total"] >= board["n_asked"])


def is_reference(rows: pd.DataFrame) -> pd.Series:
    """Which rows, or cells, are of end-to-end backpropagation in any form, by which the others are measured."""
    return rows["family"] == REFERENCE


def judged(board: pd.DataFrame) -> pd.Series:
    """Which rows may be the best of something, or a headline: complete, of enough seeds, and of a comparison."""
    return complete(board) & (board["n_ok"] >= ENOUGH) & (board["role"] == COMPARISON)


def labels_in_words(board: pd.DataFrame) -> list[str]:
    """Of each row ``1213 full, 10 pairs``: the pictures by the kind of label that training used; empty if unknown."""
    counts = board[list(LABELS)].astype(float).fillna(0).to_numpy(dtype=int)
    return [", ".join(f"{n} {kind}" for n, kind in zip(row, LABELS.values(), strict=True) if n) for row in counts]


def dictionary() -> pd.DataFrame:
    """What each column of leaderboard.csv means: its name, its type, its decimals and its meaning."""
    kinds = {None: "text", 0: "whole number"}
    rows = [(name, kinds.get(c.decimals, "number"), c.decimals, c.meaning) for name, c in COLUMNS.items()]
    table = pd.DataFrame(rows, columns=["column", "type", "decimals", "meaning"])
    return table.astype({"decimals": "Int64"})


def rank_in_words(low: float, high: float) -> str:
    """``3–7``, or ``3`` where there is one possible rank; nothing where there is none."""
    if pd.isna(low) or pd.isna(high):
        return ""
    return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"


def to_decimals(values: Any, decimals: int) -> Any:
    """Numbers rounded as people do, halves away from zero, whatever is left of sums in another order.

    So the same difference is written alike wherever it is shown: 0.675 is 0.68, also where it came out as 0.67499999.
    """
    scale = 10.0**decimals
    return np.sign(values) * np.floor(np.abs(values) * scale + 0.5 + LEFT) / scale + 0.0  # no zero has a sign


def with_interval(mean: float, half: float, sign: str = "") -> str:
    """``91.20 ± 0.31``, without the interval where there is none, and a dash for no number."""
    if pd.isna(mean):
        return "–"
    written = f"{to_decimals(mean, 2):{sign}.2f}"
    return written + ("" if pd.isna(half) else f" ± {to_decimals(half, 2):.2f}")
