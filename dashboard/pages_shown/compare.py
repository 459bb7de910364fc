"""Two rows of one suite and backbone side by side: differences by seed, settings, curves, files."""

from typing import Any

import pandas as pd
import streamlit as st
from choosers import one_of, row, suites_of
from columns_shown import number
from escaping import link, method_address, plain
from objections import how_to_object, objection_addresses
from parts import NO_CELLS, board_or_stop, heading, show_chart, show_table
from reading import cells, methods, record, suites

from benchmark.display import comparing
from benchmark.display.charts import learning_curves
from benchmark.display.comparing import Side
from benchmark.display.rows import choices, others

MEASURE = "Validation accuracy, %"
SEEDS = {
    "seed": number("", "Seed", "%d", 60),
    "a": number("", "A, %", width=85),
    "b": number("", "B, %", width=85),
    "difference": number("", "A − B", "%+.2f", 85),
}


def main() -> None:
    """The page."""
    heading(comparing.TITLE, comparing.LEAD)
    board, everything = board_or_stop(), cells()
    if everything.empty:
        st.info(NO_CELLS)
        return
    with row():
        setting = board[board["suite"] == one_of("Suite", suites_of(board), "suite")]
        setting = setting[setting["backbone"] == one_of("Backbone", list(setting["backbone"].unique()), "backbone")]
        first = one_of("Row A", list(choices(setting)["row"]), "a", 330)
        second = one_of("Row B", rest, "b", 330) if (rest := others(setting, first)) else None
    if second is None:
        st.info(comparing.ONE_ROW)
        return
    rows = [setting[setting["row"] == name].iloc[0].to_dict() for name in (first, second)]
    here = (everything[["suite", "backbone"]] == setting[["suite", "backbone"]].iloc[0]).all(axis=1)
    ended, of_suite = comparing.finished(everything[here]), suites().get(rows[0]["suite"], {})
    a, b = (comparing.side(r, ended, record, of_suite, methods().get(r["method"], {})) for r in rows)
    for sentence in comparing.remarks(a, b):
        st.warning(sentence)
    show_differences(a, b)
    show_facts(a, b, [r["records"] for r in rows])
    show_curves(a, b)
    show_files(a, b)


def show_differences(a: Side, b: Side) -> None:
    """Mean with its interval, and every seed."""
    pairs = comparing.paired(a, b)
    if pairs is None:
        return
    st.header("Differences by seed", anchor=False)
    st.markdown(f"**{plain(pairs.says)}**")
    if pairs.seeds:
        table = pd.DataFrame(pairs.seeds, columns=["seed", "a", "b"])
        show_table(table.assign(difference=table["a"] - table["b"]), SEEDS, "Differences by seed", most=12)


def show_facts(a: Side, b: Side, records: list[str]) -> None:
    """What the two are, cost and reach; escaped, as cells of this kind of table are Markdown."""
    st.header("Side by side", anchor=False)
    labels, mine, theirs, ratios = zip(*comparing.facts(a, b), strict=True)
    names = [f"A: {a.name}", f"B: {b.name}"]
    table = pd.DataFrame(dict(zip(["Of each", *names, comparing.RATIO], (labels, mine, theirs, ratios), strict=True)))
    st.table(table.map(plain).rename(columns=plain), hide_index=True)
    for side, path, address in zip((a, b), records, objection_addresses(records), strict=True):
        links = [link(f"{side.method}’s page", method_address(side.method))]
        links += [link("object to this row", address)] if address else []
        st.caption(f"{plain(side.name)}: {', '.join(links)}; {plain(f'results/{path}')}")
    st.caption(how_to_object())


def show_curves(a: Side, b: Side) -> None:
    """Both in one chart."""
    st.header("Training curves", anchor=False)
    points: list[dict[str, Any]] = [
        {"run": f"{letter}: {side.name}", "epoch": epoch, "measure": MEASURE, "value": value}
        for letter, side in (("A", a), ("B", b))
        for epoch, value in side.curve
    ]
    if not points:
        st.caption(comparing.NO_CURVES)
        return
    show_chart(learning_curves(pd.DataFrame(points)))
    st.caption(comparing.CURVES)


def show_files(a: Side, b: Side) -> None:
    """The difference of the two files that were run."""
    st.header("The two files", anchor=False)
    sources = [source_of(side) for side in (a, b)]
    if a.sha and a.sha == b.sha:
        st.caption(comparing.SAME_FILE)
    elif None in sources:
        st.caption(comparing.NO_FILE)
    else:
        mine, theirs = (str(source) for source in sources)
        st.caption(comparing.FILES)
        st.code("\n".join(comparing.file_difference(theirs, mine)), language="diff", wrap_lines=True)


def source_of(side: Side) -> str | None:
    """The file that made a row, as the results keep it."""
    files = methods().get(side.method, {}).get("files", {})
    found = [file["source"] for sha, file in files.items() if side.sha and sha.startswith(side.sha)]
    return str(found[0]) if found else None


main()
