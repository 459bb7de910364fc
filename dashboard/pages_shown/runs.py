"""Every cell with its provenance, failed ones included; a selected one shows its whole record."""

import json
from zlib import crc32

import pandas as pd
import streamlit as st
from choosers import choosing, kept, row
from columns_shown import CELLS
from escaping import link, plain
from objections import how_to_object, objection_addresses
from parts import NO_CELLS, NOTHING, download, heading, nothing_matches, show_table
from reading import board, cells, methods, record, with_traits

from benchmark.display import explanations, standing
from benchmark.display.traits import TRAITS

FILTERS = {"suite": "Suite", "method": "Method", "status": "Status", "verification": "Verification", **TRAITS}


def main() -> None:
    """The page."""
    heading("Runs", explanations.LEADS["runs"] + " Select one to see its record.")
    everything = cells()
    if everything.empty:
        st.info(NO_CELLS if len(board()) else NOTHING)
        return
    everything = with_traits(everything)
    with row():
        several = {"recipe": "Recipe"} if everything["recipe"].nunique() > 1 else {}
        rows = kept(everything, FILTERS | several, 165)
    if rows.empty:
        nothing_matches("run")
    else:
        key = f"cells {crc32(' '.join(rows['record']).encode())}"  # other rows: nothing is selected
        chosen = {"on_select": choosing, "selection_mode": "single-row", "key": key}
        picked = show_table(compact(rows), CELLS, f"Runs, {len(rows)}", most=12, **chosen)
        with st.container(horizontal=True, vertical_alignment="center"):
            download(rows, "runs")
            st.caption(plain(count(rows)))
        if picked.selection.rows and st.session_state["reader_chose"]:
            st.query_params["run"] = rows["record"].iloc[picked.selection.rows[0]]
    if run := st.query_params.get("run"):
        show_record(run, everything)


def people(run: str, everything: pd.DataFrame) -> str:
    """How the method's authors stand to our rows of it, and where to object to the run; escaped."""
    about = methods().get(everything.loc[everything["record"] == run, "method"].iloc[0], {})
    stand = link(f"{standing.LABEL} on our rows: {standing.standing(about)}", standing.standing_link(about))
    address = objection_addresses([run])[0]
    return f"{stand}. {link('Object to this row', address) if address else how_to_object()}"


def compact(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with each text sent to the browser once, where thousands of rows repeat it."""
    texts = [name for name in CELLS if name in rows and isinstance(rows[name].dtype, pd.StringDtype)]
    return rows.astype(dict.fromkeys(texts, "category"))


def count(rows: pd.DataFrame) -> str:
    """``190 ok, 2 diverged``."""
    return ", ".join(f"{n} {status}" for status, n in rows["status"].value_counts().items())


def show_record(run: str, everything: pd.DataFrame) -> None:
    """The whole record of a run that the address or the table names."""
    if run not in set(everything["record"]):  # nothing but a record of the table is ever opened
        st.warning("The address names a run that is not here; select one in the table.")
        return
    found = record(run)
    st.header("Record", anchor=False)
    st.caption(plain(f"results/{run}"))
    st.caption(people(run, everything))
    if not found:
        st.warning("This record is not in results/: only its row is.")
        return
    if found.get("error"):
        st.code(found["error"], language=None, wrap_lines=True)
    st.json(found, expanded=2)
    st.download_button(
        "JSON",
        json.dumps(found, indent=1),
        file_name=run.rsplit("/", 1)[-1],
        icon=":material/download:",
        on_click="ignore",
    )


main()
