"""How the columns of the tables look: headings, order, widths, formats, and the meaning on hover."""

from typing import Any

import pandas as pd
import streamlit as st
from escaping import compare_address, method_address
from reading import methods, reproductions

from benchmark.display import explanations, standing
from benchmark.display.texts import FAMILIES, GREY, short_names
from benchmark.tables.columns import COLUMNS
from benchmark.tables.trust import FAILED, OTHERS, STANDINGS

column = st.column_config
GOOD, BAD = "#007A58", "#C43D4B"  # dark enough for white words
BEST = {"best": "★ best", "not distinguishable": "≈ best"}
VERIFIED = dict.fromkeys(STANDINGS, GREY) | {OTHERS: GOOD, FAILED: BAD}


def _meaning(name: str) -> str | None:
    return COLUMNS[name].meaning if name in COLUMNS else None


def number(name: str, label: str, form: str = "%.2f", width: int = 90) -> Any:
    """A column of numbers."""
    return column.NumberColumn(label, format=form, help=_meaning(name), width=width)


def text(name: str, label: str, width: Any = None, **more: Any) -> Any:
    """A column of plain text."""
    return column.TextColumn(label, help=_meaning(name), width=width, **more)


def chips(name: str, label: str, colours: dict[str, str], width: int) -> Any:
    """A column of coloured words."""
    options, hues = list(colours), list(colours.values())
    return column.MultiselectColumn(label, options=options, color=hues, help=_meaning(name), width=width)


FAMILY = chips("family", "Family", {family: colour for family, (colour, _) in FAMILIES.items()}, 140)
VERIFICATION = chips("verification", "Verification", VERIFIED, 235)
RERUN = {"rerun_by": text("rerun_by", "Re-run by", 150), "rerun_on": text("rerun_on", "Re-run on", 130)}
PAPER = column.LinkColumn("Paper", display_text="open", help=_meaning("paper"), width=65)
CODE = column.LinkColumn("Code", display_text="file", help="the file that made the record", width=60)
COMPARE = column.LinkColumn(
    "Beside", display_text="compare", help="beside end-to-end backpropagation, or any other row", width=80
)
OBJECT = column.LinkColumn("Object", display_text="object", help="an issue that names the row", width=70)
MODULES = number("modules", "K", "%d", 45)

RANK = column.TextColumn("Rank", width=58, pinned=True, help="ranks that the method may have in its suite, over all K")

LEADERBOARD: dict[str, Any] = {
    "rank": RANK,
    "label": text("method", "Method", 165, pinned=True),
    "modules": MODULES,
    "test_top1_pct": number("test_top1_pct", "Accuracy, %", width=100),
    "test_top1_half_pct": number("test_top1_half_pct", "±", width=58),
    "n_ok": number("n_ok", "n", "%d", 42),
    "best": text("vs_best", "Best?", 75),
    "vs_e2ebp_pct": number("vs_e2ebp_pct", "vs end-to-end", "%+.2f", 110),
    "vs_e2ebp_half_pct": number("vs_e2ebp_half_pct", "± ", width=58),
    "beside": COMPARE,
    "epochs": number("epochs", "Epochs", "%d", 70),
    "equal_epochs_pct": number("equal_epochs_pct", "at equal epochs", "%+.2f", 120),
    "equal_epochs_half_pct": number("equal_epochs_half_pct", "±  ", width=58),
    "equal_flops_pct": number("equal_flops_pct", "at equal FLOPs", "%+.2f", 120),
    "equal_flops_half_pct": number("equal_flops_half_pct", "±   ", width=58),
    "memory_ratio": number("memory_ratio", "Memory ×", width=88),
    "time_ratio": number("time_ratio", "Time ×", width=75),
    "flops_ratio": number("flops_ratio", "FLOPs ×", width=80),
    "curve": column.LineChartColumn(
        "Curve", y_min=0, y_max=100, help="validation accuracy by epoch, mean over seeds, 0 to 100 %", width=90
    ),
    "verification_chip": VERIFICATION,
    "family_chip": FAMILY,
    "name": text("title", "Name", 250),
    "status": text("status", "Status", 110),
    "auxiliary_parameters": number("auxiliary_parameters", "Auxiliary", "localized", 95),
    "labels": text("labels", "Labels used", 130),
    "removes": text("removes", "Locks removed", 140),
    "isolation": text("isolation", "Isolation", 105),
    **RERUN,
    "authors_stand": column.TextColumn(standing.LABEL, help=standing.MEANING, width=140),
    "paper": PAPER,
    "code": CODE,
    "backbone": text("backbone", "Backbone", 140),
    "dataset": text("dataset", "Data set", 110),
    "source": text("source", "Pictures", 120),
    "stem": text("stem", "Stem", 70),
    "protocol": number("protocol", "Protocol", "%d", 75),
    "cuts": text("cuts", "Cut after", 260),
    "validation_top1_pct": number("validation_top1_pct", "Validation, %", width=105),
    "peak_mb": number("peak_mb", "Peak, MB (simulated)", "%.1f", 155),
    "train_tflops": number("train_tflops", "Training, TFLOP", "%.3f", 125),
    "parameters": number("parameters", "Parameters", "localized", 100),
    "requires": text("requires", "Requires", 140),
    "unranked": text("unranked", "No rank because", 220),
}


def as_shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the leaderboard with the columns that exist for the eye only."""
    stand = {method: standing.standing(said) for method, said in methods().items()}
    return rows.assign(
        beside=[compare_address(query) if query else None for query in rows["compare"]],
        authors_stand=rows["method"].map(stand).fillna(standing.NOT_ASKED),
        label=short_names(rows),
        best=rows["vs_best"].map(BEST).fillna(""),
        family_chip=[[family] for family in rows["family"]],
        verification_chip=[[verdict] for verdict in rows["verification"]],
        code=[method_address(method) for method in rows["method"]],
    )


REFERENCE: dict[str, Any] = {
    "times": number("times", "× epochs", "%g", 80),
    "epochs": LEADERBOARD["epochs"],
    "train_tflops": LEADERBOARD["train_tflops"],
    "test_top1_pct": LEADERBOARD["test_top1_pct"],
    "test_top1_half_pct": LEADERBOARD["test_top1_half_pct"],
    "n_ok": LEADERBOARD["n_ok"],
}
TUNING: dict[str, Any] = {  # a phone shows the first five
    "method": text("method", "Method", 150, pinned=True),
    "suite": text("suite", "Suite", 120),
    "variant": text("variant", "Variant", 90),
    "modules": MODULES,
    "shared_pct": number("", "Shared, %", width=85),
    "tuned_pct": number("", "Tuned, %", width=80),
    "difference_pct": number("", "Difference", "%+.2f", 90),
    "difference_half_pct": number("", "±", width=58),
    "n_pairs": column.NumberColumn("n", format="%d", width=42, help="seeds that both finished"),
    "rank_shared": column.TextColumn("Rank, shared", width=100, help="in the suite, by its recipe"),
    "rank_tuned": column.TextColumn("Rank, tuned", width=95, help="in the suite, by tuned recipes"),
    "optimizer": text("", "Optimiser", 85),
    "lr": number("", "Learning rate", "%g", 105),
    "weight_decay": number("", "Weight decay", "%g", 105),
    "recipe": text("", "Also", 110),
    "options": text("", "Options", 150),
    "origin": column.TextColumn("From", width=75, help="the suite's recipe (shared), the paper's, or drawn"),
    "backbone": text("backbone", "Backbone", 140),
    "trials": number("", "Trials", "%d", 60),
}
FIDELITY: dict[str, Any] = {
    "compared": text("", "Compared", 320, pinned=True),
    "deviation": text("", "Deviation", 85),
    "against": text("", "Against", 230),
    "variant": text("variant", "Variant", 110),
    "commit": text("", "Our commit", 95),
    "note": text("", "Note", 420),
}
TRIALS: dict[str, Any] = {
    "number": column.NumberColumn("Configuration", format="%d", width=105, pinned=True),
    "chosen": text("", "Chosen", 72),
    "optimizer": TUNING["optimizer"],
    "lr": TUNING["lr"],
    "validation_top1": number("", "Validation, %", width=105),
    "epochs": number("", "Epochs", "%d", 70),
    "weight_decay": TUNING["weight_decay"],
    "other": TUNING["recipe"],
    "options": TUNING["options"],
    "origin": column.TextColumn(
        "From", width=75, help="the suite's recipe (shared), the paper's, drawn, or added later and never chosen"
    ),
    "status": text("", "Status", 85),
}
PLANNED: dict[str, Any] = {
    "suite": text("suite", "Suite", 130),
    "method": text("method", "Method", 180, pinned=True),
    "variant": text("variant", "Variant", 110),
    "backbone": text("backbone", "Backbone", 150),
    "modules": MODULES,
    "peak_ratio": number("peak_ratio", "Predicted memory ×", width=150),
    "peak_gb": number("peak_gb", "Predicted peak, GB (simulated)", "%.2f", 210),
    "note": text("note", "Note", "large"),
}
REPRODUCTIONS: dict[str, Any] = {  # a phone shows the first five
    "method": text("method", "Method", 125, pinned=True),
    "modules": text("", "K", 48),
    "published": number("", "Paper", width=62),
    "ours": number("", "Here", width=62),
    "metric": text("", "Figure", 125),
    "verdict": text("", "Verdict", 115),
    "allowed": number("", "Allowed ±", width=80),
    "our_modules": number("", "K here", "%d", 65),
    "published_std": number("", "± sd", width=65),
    "ours_half": number("", "± 95 %", width=75),
    "difference": number("", "Here − paper", "%+.2f", 110),
    "dataset": text("", "Data set", 110),
    "backbone": text("", "Backbone", 125),
    "n_ok": number("n_ok", "n", "%d", 42),
    "setting": column.TextColumn("Own suite", help=explanations.OWN_SUITE, width=150),
    "suite": text("suite", "Suite", 120),
    "recipe": text("recipe", "Our recipe", 90),
    "epochs": number("epochs", "Our epochs", "%d", 95),
    "labels": text("labels", "Our pictures", 120),
    "our_source": text("", "From", 110),
    "status": text("status", "Status", 100),
    "publication": text("", "Publication", 330),
    "note": text("", "Note", 260),
}


def reproductions_shown() -> pd.DataFrame:
    """The papers' figures with the names that readers see."""
    table = reproductions()
    if table.empty:
        return table
    return table.assign(metric=table["metric"].map(explanations.FIGURES).fillna(table["metric"]))


CELLS: dict[str, Any] = {
    "method": text("method", "Method", 160, pinned=True),
    "modules": MODULES,
    "seed": number("", "Seed", "%d", 58),
    "status": text("status", "Status", 85),
    "suite": text("suite", "Suite", 120),
    "backbone": text("backbone", "Backbone", 135),
    "variant": text("variant", "Variant", 95),
    "recipe": text("recipe", "Recipe", 75),
    "times": number("times", "× epochs", "%g", 80),
    "test_top1_pct": number("test_top1_pct", "Accuracy, %", width=100),
    "error": text("", "Error", 220),
    "validation_top1_pct": number("validation_top1_pct", "Validation, %", width=110),
    "memory_ratio": number("memory_ratio", "Memory ×", width=88),
    "time_ratio": number("time_ratio", "Time ×", width=75),
    "isolation": text("isolation", "Isolation", 105),
    "verification": text("verification", "Verification", 220),
    **RERUN,
    "git_commit": text("", "Commit", 115),
    "git_dirty": column.TextColumn("Edited since", width=100, help="whether the working tree differed from the commit"),
    "method_sha256": text("", "Method's file", 115),
    "dataset_fingerprint": text("", "Data's fingerprint", 135),
    "source": text("source", "Pictures", 120),
    "device": text("device", "Device", 130),
    "threads": number("", "Threads", "%d", 75),
    "started_utc": text("", "Started", 190),
}
CUTS = {"modules": MODULES, "cuts": text("cuts", "Cut after", "large")}
