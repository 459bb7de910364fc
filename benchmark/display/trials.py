"""The trials of a method's searches, from ``results/tuned/``, and the chart of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from benchmark.display.axes import accuracy_axis, compute_axis
from benchmark.display.looks import layered, line_colour, tooltip
from benchmark.display.reading import TEXT_OF_TUNING, read_json, read_table, with_ranks_in_words
from benchmark.display.recipe_line import in_words
from benchmark.tables.columns import RECIPE_COLUMNS

TABLE = ["suite", "number", "chosen", "origin", *RECIPE_COLUMNS, "other", "options", "epochs"]
TABLE += ["validation_top1", "status"]


def read_tuning(results: Path) -> pd.DataFrame:
    """What tuning changed, with the ranks in words; empty where nothing was tuned."""
    return with_ranks_in_words(read_table(results / "tuning.csv", TEXT_OF_TUNING))


def read_trials(results: Path, method: str, tuning: pd.DataFrame) -> pd.DataFrame:
    """All trials of a method, by suite, in the order in which they ran; what a recipe leaves alone is the suite's.

    Args:
        results: the folder.
        method: its id.
        tuning: the table of what tuning changed, which knows the configuration that was chosen.
    """
    suites = read_json(results / "suites.json")
    rows = [
        row
        for path in sorted(results.glob("tuned/*/*.json"))
        if path.stem == method
        for row in _trials(path, suites.get(path.parent.name, {}).get("recipe", {}), _chosen(tuning, path))
    ]
    table = pd.DataFrame(rows, columns=TABLE)
    for name in ("lr", "weight_decay"):
        table[name] = pd.to_numeric(table[name], errors="coerce")  # a person may have written the file
    return table.astype({"validation_top1": float}).round({"validation_top1": 2})


def _chosen(tuning: pd.DataFrame, path: Path) -> set[int]:
    if tuning.empty:
        return set()
    own = tuning[(tuning["suite"] == path.parent.name) & (tuning["method"] == path.stem)]
    return set(own["configuration"].dropna().astype(int))


def _trials(path: Path, of_suite: dict[str, Any], chosen: set[int]) -> Iterator[dict[str, Any]]:
    for trial in read_json(path).get("trials", []):
        tried = trial["configuration"]
        recipe = {name: of_suite.get(name) for name in RECIPE_COLUMNS} | tried["recipe"]
        yield {
            "suite": path.parent.name,
            "number": tried["number"],
            "chosen": "chosen" if tried["number"] in chosen else "",
            "origin": tried["origin"],
            **{name: recipe[name] for name in RECIPE_COLUMNS},
            "other": in_words({name: value for name, value in tried["recipe"].items() if name not in RECIPE_COLUMNS}),
            "options": in_words(tried["options"]),
            **{name: trial[name] for name in ("epochs", "validation_top1", "status")},
        }


def search_chart(trials: pd.DataFrame) -> Any:
    """Validation accuracy against learning rate, a colour an optimiser, larger points for more epochs; one is chosen.

    Args:
        trials: of one search.
    """
    shown = trials.dropna(subset=["validation_top1", "lr"])
    shown = shown.assign(x=shown["lr"].astype(float), y=shown["validation_top1"], config=shown["number"])
    axes = {"x": compute_axis("Learning rate", shown["x"]), "y": accuracy_axis("Validation accuracy, %", shown["y"])}
    about = {"config": "configuration", "origin": "from", "optimizer": "optimiser", "lr": "learning rate"}
    about |= {"weight_decay": "weight decay", "options": "options", "other": "recipe", "epochs": "epochs"}
    about |= {"validation_top1": "validation accuracy, %"}
    shown = shown[["x", "y", "chosen", *about]]
    lengths = sorted(shown["epochs"].unique())
    size = alt.Size(
        "epochs:O", legend=None, scale=alt.Scale(domain=lengths, range=[40 + 50 * i for i, _ in enumerate(lengths)])
    )
    hue = line_colour("optimizer:N", sorted(shown["optimizer"].dropna().unique()))
    points = alt.Chart(shown).mark_point(filled=True, opacity=0.75).encode(color=hue, size=size, **axes)
    ring = alt.Chart(shown[shown["chosen"] != ""]).mark_point(size=330, strokeWidth=1.8, tooltip=None)
    return layered(ring.encode(color=hue, **axes), points.encode(tooltip=tooltip(**about))).properties(height=280)
