"""How the columns of the two tables look: names, order, formats, and the meaning on hover."""

from typing import Any

import streamlit as st

from benchmark.tables.columns import COLUMNS

column = st.column_config


def _number(name: str, label: str, form: str) -> Any:
    return column.NumberColumn(label, format=form, help=COLUMNS[name].meaning)


def _text(name: str, label: str, width: Any = None) -> Any:
    return column.TextColumn(label, help=COLUMNS[name].meaning, width=width)


LEADERBOARD = {
    "name": column.TextColumn("Method", pinned=True, help=COLUMNS["title"].meaning),
    "modules": _number("modules", "K", "%d"),
    "test_top1_pct": column.ProgressColumn(
        "Test accuracy, %", format="%.2f", min_value=0, max_value=100, help=COLUMNS["test_top1_pct"].meaning
    ),
    "test_top1_half_pct": _number("test_top1_half_pct", "±", "%.2f"),
    "n_ok": _number("n_ok", "n", "%d"),
    "vs_e2ebp_pct": _number("vs_e2ebp_pct", "vs end-to-end", "%+.2f"),
    "vs_e2ebp_half_pct": _number("vs_e2ebp_half_pct", "± ", "%.2f"),
    "memory_ratio": _number("memory_ratio", "Memory ×", "%.2f"),
    "time_ratio": _number("time_ratio", "Time ×", "%.2f"),
    "flops_ratio": _number("flops_ratio", "FLOPs ×", "%.2f"),
    "curve": column.LineChartColumn(
        "Learning curve", y_min=0, y_max=100, help="validation accuracy by epoch, mean over seeds, 0 to 100 %"
    ),
    "status": _text("status", "Status", 130),
    "family": _text("family", "Family", 120),
    "labels": _text("labels", "Labels used"),
    "removes": _text("removes", "Locks removed"),
    "isolation": _text("isolation", "Isolation as claimed"),
    "requires": _text("requires", "Requires"),
    "validation_top1_pct": _number("validation_top1_pct", "Validation, %", "%.2f"),
    "peak_mb": _number("peak_mb", "Peak, MB (simulated)", "%.1f"),
    "parameters": _number("parameters", "Parameters", "localized"),
    "auxiliary_parameters": _number("auxiliary_parameters", "Auxiliary", "localized"),
    "epochs": _number("epochs", "Epochs", "%d"),
    "cuts": _text("cuts", "Cut after", "large"),
    "source": _text("source", "Pictures"),
    "device": _text("device", "Device"),
    "year": _number("year", "Year", "%d"),
    "paper": column.LinkColumn("Paper", display_text="open", help=COLUMNS["paper"].meaning),
}

CUTS = {name: LEADERBOARD[name] for name in ("modules", "cuts")}

CLAIMS = {
    "method": column.TextColumn("Method", pinned=True, width=150),
    "dataset": column.TextColumn("Data set"),
    "backbone": column.TextColumn("Backbone"),
    "modules": column.TextColumn("K"),
    "metric": column.TextColumn("Figure"),
    "published": column.NumberColumn("Paper", format="%.2f"),
    "published_std": column.NumberColumn("± sd", format="%.2f"),
    "ours": column.NumberColumn("Here", format="%.2f"),
    "ours_half": column.NumberColumn("± 95 %", format="%.2f"),
    "difference": column.NumberColumn("Here − paper", format="%+.2f"),
    "n_ok": column.NumberColumn("n", format="%d"),
    "suite": column.TextColumn("Suite"),
    "epochs": column.NumberColumn("Our epochs", format="%d"),
    "labels": column.TextColumn("Our pictures"),
    "our_source": column.TextColumn("From"),
    "status": column.TextColumn("Status"),
    "publication": column.TextColumn("Publication", width="large"),
    "note": column.TextColumn("Note", width="medium"),
}
METRIC_NAMES = {
    "test_error_pct": "test error, %",
    "test_error_top5_pct": "top-5 error, %",
    "overhead_flops_pct": "extra FLOPs, %",
    "overhead_time_pct": "extra time, %",
    "memory_ratio": "memory, × end-to-end",
}
