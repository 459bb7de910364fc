"""The pages of the dashboard in streamlit's AppTest, over generated results: shared by the tests of the pages."""

import json
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from records import CLAIMS, FIDELITY, make_record, write_own_tables, write_runs
from streamlit import dataframe_util as arrow
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from tracks_written import write_tracks

from benchmark.schema.suite import PROTOCOL

TOP = Path(__file__).parent.parent
DASHBOARD = TOP / "dashboard"
PAGES = ("leaderboard", *sorted({page.stem for page in (DASHBOARD / "pages_shown").glob("*.py")} - {"leaderboard"}))
CIFAR = {"suite": "cifar10", "dataset": "cifar10", "backbone": "cifar_resnet32"}
# At every run of a page Streamlit looks for components in all packages that are installed: most of a test's time.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
PLANNED = "cifar100,infopro,contrast,cifar_resnet110,4,3.2,0.41,3.0,900.0,1.4,1700000,300000,"


def write_results(folder: Path) -> Path:
    """Two suites, a diverged row, a planned one, and the papers' figures."""
    return Path(shutil.copytree(_results().name, folder, dirs_exist_ok=True))


@cache
def _results() -> TemporaryDirectory[str]:
    """The same, written once: tables of all methods take a second."""
    kept = TemporaryDirectory()
    folder = Path(kept.name)
    records = [make_record(seed=s, top1=90.0 + s, **CIFAR) for s in range(3)]
    records += [make_record("dgl", k, s, 90 - k + s, memory=1 / k, **CIFAR) for k in (2, 4) for s in range(3)]
    records += [make_record("modular_kernel", 2, 0, 85.0, memory=0.6, **CIFAR)]
    records += [make_record("fa", 4, 0, status="diverged", **CIFAR)]
    records += [make_record(seed=0, top1=97.0), make_record("dgl", 2, 0, 96.0, backbone="vgg8b")]
    write_runs(folder / "runs", *records)
    (folder / "published.csv").write_text((TOP / "results" / "published.csv").read_text())
    (folder / "fidelity.csv").write_text(FIDELITY)
    (folder / "claims.yaml").write_text(CLAIMS)
    write_own_tables(folder, TOP / "methods")
    write_tracks(folder)
    (folder / "plans").mkdir()
    heading = "method,variant,backbone,modules,peak_gb,peak_ratio,saved_gb,step_gflops,flops_ratio,parameters"
    planned = PLANNED.removeprefix("cifar100,")
    (folder / "plans" / "cifar100.csv").write_text(
        f"{heading},auxiliary_parameters,note,protocol\n{planned},{PROTOCOL}\n"
    )
    return kept


def opened(page: str = "leaderboard", **query: Any) -> AppTest:
    """A page, run once; nothing may be raised."""
    app = AppTest.from_file(str(DASHBOARD / "pages_shown" / f"{page}.py"), default_timeout=240)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    """All that is shown as Markdown."""
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.title, app.header)
    return " ".join(str(element.value) for kind in kinds for element in kind)


def html_of(app: AppTest) -> str:
    """All that is shown as HTML."""
    return " ".join(element.proto.body for element in app.get("html"))


def charts_of(app: AppTest) -> list[dict[str, Any]]:
    """The Vega-Lite specifications."""
    return [json.loads(element.proto.spec) for element in app.get("vega_lite_chart")]


def rows_of(app: AppTest) -> list[pd.DataFrame]:
    """The rows behind each chart, all its layers together."""
    charts = [element.proto.datasets for element in app.get("vega_lite_chart")]
    return [pd.concat([arrow.convert_arrow_bytes_to_pandas_df(d.data.data) for d in data]) for data in charts]


def marks(chart: dict[str, Any]) -> set[str]:
    """The marks of all layers of a chart."""
    if "mark" in chart:
        return {chart["mark"]["type"] if isinstance(chart["mark"], dict) else chart["mark"]}
    return {mark for layer in chart.get("layer", []) for mark in marks(layer)}
