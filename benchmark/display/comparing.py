"""Two rows of one suite and backbone side by side: what both front ends say, and how they reckon it.

The dashboard calls these functions for the two rows that a reader picks. The static pages have a file of data for each
suite, made by :func:`side`, and ``compare.js`` does for two of its rows what :func:`paired`, :func:`ratio` and
:func:`file_difference` do here; the sentences are those of this file.
"""

from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import pandas as pd

from benchmark.display.recipe_line import OPTIMISERS, in_words
from benchmark.display.rows import PICTURES, record_paths
from benchmark.display.standing import LABEL, standing
from benchmark.tables.board import half_interval
from benchmark.tables.cells import SHORT
from benchmark.tables.columns import SHARED, with_interval

TITLE = "Compare two rows"
LEAD = (
    "Two rows of one suite and backbone: differences by seed, settings, cost, learning curves, and the two files that "
    "were run. A row’s link “compare” sets it beside end-to-end backpropagation."
)
PAIRED = "A − B, paired by seed: {mean} points, mean of {n} seeds and its 95 % t interval."
ONE_SEED = "A − B, of one seed: {mean} points, without an interval."
TOLD = "The interval does not hold zero."
NOT_TOLD = "The interval holds zero: these seeds do not tell the two apart."
NO_PAIRS = "No seed ended ok in both rows: there are no differences by seed."
OTHER_PICTURES = "The two rows are of other pictures, another stem or protocol: their seeds are no pairs."
OTHER_RECIPES = "The recipes differ: what is seen is the effect of methods and recipes together."
ONE_ROW = "There is one row of this suite and backbone: nothing to compare it with."
CURVES = "Validation accuracy by epoch, mean over the seeds that ended ok. Epochs count through all phases."
NO_CURVES = "Neither row has a learning curve."
SAME_FILE = "Both rows were made by the same file."
NO_FILE = "The file of one of the two rows is not among the results."
TOO_LONG = "The two files are too long to be compared here; each stands in its method’s page."
FILES = "From B’s file to A’s: lines with − are B’s alone, lines with + are A’s alone."
KEPT = "{n} equal lines"
RATIO = "A ÷ B"
CONTEXT = 3  # equal lines that are shown around others
POINTS = 40  # of a curve
ENDED = "ok"

Fact = tuple[str, float | None]  # what is said, and of amounts the number
Read = Callable[[str], dict[str, Any]]  # a record, by its path below the results; empty if it is not there


class Side(NamedTuple):
    """A row as it is compared.

    ``seeds``: test accuracy, percent, of those that ended ok; ``curve``: epochs and validation accuracy, percent;
    ``facts``: in the order of :data:`FACTS`; ``sha``: the first characters of the
    SHA-256 of the file that made it; ``pictures``: what two rows must share for their seeds to be pairs.
    """

    name: str
    method: str
    recipe: str
    pictures: str
    seeds: dict[int, float]
    curve: list[tuple[int, float]]
    facts: list[Fact]
    sha: str


class Source(NamedTuple):
    """What the facts of a row are read from: its row, the recipe and options of a record, and its method's words."""

    row: Mapping[Any, Any]
    recipe: Mapping[str, Any]
    options: Mapping[str, Any]
    said: Mapping[str, Any]
    sha: str


def _amount(name: str, form: str) -> Callable[[Source], Fact]:
    def fact(source: Source) -> Fact:
        value = source.row[name]
        return ("", None) if pd.isna(value) else (format(float(value), form), float(value))

    return fact


def _of_recipe(name: str) -> Callable[[Source], Fact]:
    return _text(lambda source: f"{source.recipe[name]:g}" if name in source.recipe else "")


def _text(show: Callable[[Source], object]) -> Callable[[Source], Fact]:
    return lambda source: (str(show(source) or ""), None)


def _cell(name: str) -> Callable[[Source], Fact]:
    return _text(lambda source: "" if pd.isna(source.row[name]) else source.row[name])


def _accuracy(row: Mapping[Any, Any]) -> str:
    reached = with_interval(row["test_top1_pct"], row["test_top1_half_pct"])
    return f"{reached} (n = {row['n_ok']})" if row["n_ok"] else "–"


def _optimiser(recipe: Mapping[str, Any]) -> str:
    name = recipe.get("optimizer")
    return OPTIMISERS.get(str(name), str(name)) if name else ""


def _schedule(recipe: Mapping[str, Any]) -> str:
    if not recipe:
        return ""
    said = str(recipe.get("schedule", "cosine"))
    if recipe.get("milestones"):
        said += f" at {recipe['milestones']} of the epochs, by {recipe.get('gamma')}"
    warmup = recipe.get("warmup_epochs")
    return f"{said}, after a warm-up of {warmup:g} epoch{'' if warmup == 1 else 's'}" if warmup else said


NAMED = {"epochs", "batch", "optimizer", "lr", "weight_decay", "warmup_epochs", "schedule", "milestones", "gamma"}
FACTS: dict[str, Callable[[Source], Fact]] = {
    "Test accuracy, %": _text(lambda source: _accuracy(source.row)),
    "vs end-to-end, points": _text(
        lambda source: with_interval(source.row["vs_e2ebp_pct"], source.row["vs_e2ebp_half_pct"], "+")
    ),
    "Status": _cell("status"),
    "Recipe of": _cell("recipe"),
    "Optimiser": _text(lambda source: _optimiser(source.recipe)),
    "Learning rate": _of_recipe("lr"),
    "Weight decay": _of_recipe("weight_decay"),
    "Schedule": _text(lambda source: _schedule(source.recipe)),
    "Batch": _of_recipe("batch"),
    "Epochs of a phase": _of_recipe("epochs"),
    "Epochs, all phases": _amount("epochs", ",.0f"),
    "Also in the recipe": _text(lambda source: in_words({k: v for k, v in source.recipe.items() if k not in NAMED})),
    "Options": _text(lambda source: in_words(source.options)),
    "K": _cell("modules"),
    "Cut after": _cell("cuts"),
    "Labels used, pictures": _cell("labels"),
    "Labels of hidden modules": _cell("hidden_labels"),
    "Locks removed": _cell("locks"),
    "Family": _cell("family"),
    "Isolation": _cell("isolation"),
    "Peak memory, MB (simulated)": _amount("peak_mb", ",.1f"),
    "Peak memory, × end-to-end": _amount("memory_ratio", ".2f"),
    "FLOPs of a step, × end-to-end": _amount("flops_ratio", ".2f"),
    "FLOPs of the training, 10¹²": _amount("train_tflops", ",.3f"),
    "Time of a step, × end-to-end": _amount("time_ratio", ".2f"),
    "Parameters": _amount("parameters", ",.0f"),
    "Auxiliary parameters": _amount("auxiliary_parameters", ",.0f"),
    "Verification": _cell("verification"),
    LABEL: _text(lambda source: standing(source.said)),
    "Pictures": _cell("source"),
    "Stem": _cell("stem"),
    "Protocol": _cell("protocol"),
    "Device": _cell("device"),
    "File (SHA-256)": _text(lambda source: source.sha),
}


def finished(cells: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    """The cells that ended ok, by what tells rows apart: the path of their records, and their pictures."""
    if cells.empty:
        return {}
    ended = cells[cells["status"] == ENDED]
    found = ended.assign(records=record_paths(ended))[["records", *PICTURES, "seed", "record"]]
    return dict(iter(found.groupby(["records", *PICTURES])))


def side(row: Mapping[Any, Any], ended: Mapping[Any, pd.DataFrame], read: Read, suite: Any, said: Any) -> Side:
    """A row as it is compared.

    Args:
        row: of the leaderboard, as :func:`benchmark.display.reading.read_board` gives it.
        ended: what :func:`finished` gives.
        read: a record, by its path.
        suite: what ``suites.json`` says of the suite.
        said: what ``methods/<id>.json`` says of the method.
    """
    cells = ended.get((row["records"], *(row[name] for name in PICTURES)), pd.DataFrame(columns=["seed", "record"]))
    records = {int(cell["seed"]): read(cell["record"]) for cell in cells.sort_values("seed").to_dict("records")}
    first = next(filter(None, records.values()), {})
    shared = suite.get("recipe", {}) if row["recipe"] == SHARED and pd.isna(row["times"]) else {}
    sha = str((first.get("provenance") or {}).get("method_sha256", ""))[:SHORT]
    source = Source(row, first.get("recipe") or shared, first.get("options") or {}, said, sha)
    learned = {seed: record["accuracy"] for seed, record in records.items() if record.get("accuracy")}
    return Side(
        name=str(row["row"]),
        method=str(row["method"]),
        recipe=str(row["recipe"]),
        pictures=", ".join(str(row[name]) for name in PICTURES),
        seeds={seed: float(accuracy["test_top1"]) for seed, accuracy in learned.items()},
        curve=_mean_curve([accuracy["curve"] for accuracy in learned.values()]),
        facts=[fact(source) for fact in FACTS.values()],
        sha=sha,
    )


def _mean_curve(curves: list[list[dict[str, Any]]]) -> list[tuple[int, float]]:
    """Mean validation accuracy by epoch, from 1; at most ``POINTS`` of them, evenly spaced, the last among them."""
    by_epoch: dict[int, list[float]] = {}
    for curve in curves:
        for epoch, at in enumerate(curve, start=1):
            if at["validation_top1"] is not None:
                by_epoch.setdefault(epoch, []).append(float(at["validation_top1"]))
    mean = [(epoch, round(sum(values) / len(values), 2)) for epoch, values in sorted(by_epoch.items())]
    return mean[::-1][:: -(-len(mean) // POINTS) or 1][::-1]


class Pairs(NamedTuple):
    """Differences A − B, points: by seed with both accuracies, their mean, and half of its 95 % t interval."""

    seeds: list[tuple[int, float, float]]
    mean: float
    half: float

    @property
    def says(self) -> str:
        """The mean with its interval, and whether that holds zero."""
        if not self.seeds:
            return NO_PAIRS
        form = PAIRED if len(self.seeds) > 1 else ONE_SEED
        told = "" if len(self.seeds) == 1 else f" {TOLD if abs(self.mean) > self.half else NOT_TOLD}"
        return form.format(mean=with_interval(self.mean, self.half, "+"), n=len(self.seeds)) + told


def paired(a: Side, b: Side) -> Pairs | None:
    """Over the seeds that ended ok in both; none where the seeds of the two are no pairs."""
    if a.pictures != b.pictures:
        return None
    both = [(seed, a.seeds[seed], b.seeds[seed]) for seed in sorted(a.seeds.keys() & b.seeds.keys())]
    differences = pd.Series([mine - other for _, mine, other in both], dtype=float)
    return Pairs(both, float(differences.mean()), half_interval(differences))


def remarks(a: Side, b: Side) -> list[str]:
    """What a reader must know before he reads the numbers."""
    said = {OTHER_PICTURES: a.pictures != b.pictures, OTHER_RECIPES: a.recipe != b.recipe}
    return [sentence for sentence, holds in said.items() if holds]


def ratio(a: float | None, b: float | None) -> str:
    """``0.72``: how many times B an amount of A is; nothing where one has none."""
    return f"{a / b:.2f}" if a is not None and b else ""


def facts(a: Side, b: Side) -> Iterator[tuple[str, str, str, str]]:
    """Label, what A and B say, and A ÷ B; without what neither says."""
    for label, (mine, amount), (other, divisor) in zip(FACTS, a.facts, b.facts, strict=True):
        if mine or other:
            yield label, mine or "–", other or "–", ratio(amount, divisor)


def file_difference(b: str, a: str) -> list[str]:
    """Lines that begin with ``- ``, ``+ `` or blanks, long equal stretches as a line that counts them."""
    old, new = b.splitlines(), a.splitlines()
    found: list[str] = []
    for kind, i, i_end, j, j_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found += _equal(old[i:i_end], i == 0, i_end == len(old))
        else:
            found += [f"- {line}" for line in old[i:i_end]] + [f"+ {line}" for line in new[j:j_end]]
    return found


def _equal(lines: list[str], first: bool, last: bool) -> list[str]:
    """An equal stretch: what stands beside others, and how many lines stand between."""
    head, tail = (0 if first else CONTEXT), (0 if last else CONTEXT)
    left_out = len(lines) - head - tail
    if left_out < 2:
        return [f"  {line}" for line in lines]
    around = [*lines[:head], *lines[len(lines) - tail :]]
    shown = [f"  {line}" for line in around]
    return [*shown[:head], f"⋯ {KEPT.format(n=left_out)}", *shown[head:]]
