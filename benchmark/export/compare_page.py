"""Compare two rows: one page for all pairs, which a script fills from a file of data a suite and one a method.

Two rows in the address, rather than a page for each pair: pairs are as many as the square of the rows. The data are
scripts that hold one JSON object each, since a page that was opened as a file may load a script and no JSON.
"""

import json
from typing import Any

from scipy.special import stdtrit

from benchmark.display import comparing
from benchmark.display.reading import read_json
from benchmark.display.rows import choices, others
from benchmark.export.columns import page_name
from benchmark.export.results import Results
from benchmark.tables.blocks import suites_in_order

PAGE = "compare.html"
SAYS = {name: getattr(comparing, name) for name in ("PAIRED", "ONE_SEED", "TOLD", "NOT_TOLD", "NO_PAIRS", "KEPT")}
SAYS |= {name: getattr(comparing, name) for name in ("OTHER_PICTURES", "OTHER_RECIPES", "ONE_ROW", "NO_CURVES")}
SAYS |= {name: getattr(comparing, name) for name in ("SAME_FILE", "NO_FILE", "TOO_LONG", "FILES", "CURVES")}


def compare_page(results: Results) -> dict[str, Any]:
    """What the template needs: the suites and the sentences; the rows are in the data."""
    suites = [(suite, data_name("suite", suite)) for suite in suites_in_order(results.board)]
    most = int(results.board["n_ok"].max())
    quantiles = [float(stdtrit(freedom, 0.975)) for freedom in range(1, max(most, 2))]
    said = {"title": comparing.TITLE, "lead": comparing.LEAD, "ratio": comparing.RATIO, "how": results.how_to_object}
    numbers = {"labels": list(comparing.FACTS), "quantiles": quantiles, "context": comparing.CONTEXT}
    return {**said, "suites": suites if len(results.cells) else [], "says": json.dumps(SAYS | numbers)}


def data_name(kind: str, name: str) -> str:
    """``compare-suite-digits.js``."""
    return page_name(f"compare-{kind}", name).removesuffix(".html") + ".js"


def compare_data(results: Results) -> dict[str, bytes]:
    """Names and contents of the files of data: the rows of each suite, the files of each method."""
    if results.cells.empty:
        return {}
    made = {
        data_name("suite", str(suite)): [_rows(results, part) for _, part in rows.groupby("backbone", sort=False)]
        for suite, rows in results.board.groupby("suite", sort=False)
    }
    files: dict[str, Any] = {
        data_name("method", method): {sha[: comparing.SHORT]: file["source"] for sha, file in said["files"].items()}
        for method, said in results.methods.items()
        if said.get("files")
    }
    return {name: _script(name, data) for name, data in (made | files).items()}


def _script(name: str, data: object) -> bytes:
    return f"(globalThis.compared ??= {{}})[{json.dumps(name)}] = {json.dumps(data, separators=(',', ':'))};\n".encode()


def _rows(results: Results, setting: Any) -> dict[str, Any]:
    """The rows of a suite and backbone, in the order in which they are offered."""
    first = setting.iloc[0]
    here = results.cells[(results.cells["suite"] == first["suite"])]
    ended = comparing.finished(here[here["backbone"] == first["backbone"]])
    rows = [_row(results, row, ended, others(setting, row["row"])[:1]) for row in choices(setting).to_dict("records")]
    return {"backbone": first["backbone"], "rows": rows}


def _row(results: Results, row: Any, ended: Any, other: list[str]) -> dict[str, Any]:
    """A row as the script knows it; ``other`` is the one that it is compared with until the reader chooses."""

    def read(name: str) -> dict[str, Any]:
        return read_json(results.records[name]) if name in results.records else {}

    said = results.methods.get(row["method"], {})
    side = comparing.side(row, ended, read, results.suites.get(row["suite"], {}), said)
    known = any(sha[: comparing.SHORT] == side.sha for sha in said.get("files") or {})
    return side._asdict() | {
        "other": other[0] if other else "",
        "page": page_name("method", row["method"]),
        "object": row["object"],
        "records": f"results/{row['records']}",
        "file": data_name("method", row["method"]) if known else "",
    }
