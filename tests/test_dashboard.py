"""The dashboard over generated results: it filters, says what is missing, and shows hostile text as text."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from records import make_record, write_runs
from streamlit.testing.v1 import AppTest

from benchmark.tables.files import write_tables

TOP = Path(__file__).parent.parent
DASHBOARD = TOP / "dashboard"
CIFAR = {"suite": "cifar10", "dataset": "cifar10", "backbone": "cifar_resnet32"}
HOSTILE = "<script>alert(1)</script> **bold** [x](javascript:alert(1)) :smile: $a$"


@pytest.fixture(autouse=True)
def _dashboard_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(DASHBOARD))  # as `streamlit run` does


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of results with two suites, a diverged row and the papers' figures."""
    records = [make_record(seed=s, top1=90.0 + s, **CIFAR) for s in range(3)]
    records += [make_record("dgl", k, s, 90 - k + s, memory=1 / k, **CIFAR) for k in (2, 4) for s in range(3)]
    records += [make_record("modular_kernel", 2, 0, 85.0, memory=0.6, **CIFAR)]
    records += [make_record("fa", 4, 0, status="diverged", **CIFAR)]
    records += [make_record(seed=0, top1=97.0), make_record("dgl", 2, 0, 96.0, backbone="vgg8b")]
    write_runs(tmp_path / "runs", *records)
    (tmp_path / "published.csv").write_text((TOP / "results" / "published.csv").read_text())
    write_tables(tmp_path, TOP / "methods")
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    return tmp_path


def opened(**query):
    app = AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def board_of(app):
    return app.dataframe[0].value


def texts(app):
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.title)
    return " ".join(str(element.value) for kind in kinds for element in kind)


def test_shows_one_setting_with_all_its_rows(results):
    app = opened()
    board = board_of(app)
    assert app.title[0].value == "Beyond Backprop"
    assert list(board["method"]) == ["e2ebp", "dgl", "dgl", "modular_kernel", "fa"]
    assert board.loc[board["method"] == "fa", "status"].item() == "1 of 1 diverged"
    assert board["curve"].iloc[0][-1] == pytest.approx(91 * (1 - 0.6**4), abs=0.01)
    assert "not GPU memory" in texts(app)
    assert "test split was touched once" in texts(app)


def test_filters_narrow_the_table(results):
    app = opened()
    app.multiselect(key="method").select("dgl").run()
    assert list(board_of(app)["modules"]) == [2, 4]
    app.multiselect(key="modules").select(4).run()
    assert list(board_of(app)["modules"]) == [4]
    app.multiselect(key="method").unselect("dgl").run()
    assert set(board_of(app)["method"]) == {"dgl", "fa"}
    app.multiselect(key="modules").unselect(4).run()
    app.multiselect(key="family").select("strictly modular").run()
    assert list(board_of(app)["method"]) == ["modular_kernel"]


def test_a_link_carries_its_filters(results):
    app = opened(suite="cifar10", method="dgl", modules="2")
    assert list(board_of(app)[["method", "modules"]].itertuples(index=False, name=None)) == [("dgl", 2)]


def test_suite_and_backbone_choose_the_setting(results):
    app = opened(suite="digits", backbone="vgg8b")
    assert set(board_of(app)["backbone"]) == {"vgg8b"}
    app = opened(suite="digits", backbone="cifar_resnet32")  # not a backbone of that suite
    assert len(set(board_of(app)["backbone"])) == 1


def test_a_filter_without_rows_says_so(results):
    app = opened(family="strictly modular", method="dgl")
    assert "No row matches these filters" in app.warning[0].value
    assert not app.get("vega_lite_chart")


def chart_of(app):
    return json.loads(app.get("vega_lite_chart")[0].proto.spec)


def test_chart_has_points_intervals_and_the_references(results):
    app = opened(method="modular_kernel")
    marks = {layer["mark"]["type"] for layer in chart_of(app)["layer"] if "mark" in layer}
    assert {"point", "rule", "line", "text"} <= marks
    from benchmark.display.charts import accuracy_against_memory
    from benchmark.display.reading import read_board

    board = read_board(results)
    chart = accuracy_against_memory(board[board["method"] == "dgl"], board[board["method"] == "e2ebp"])
    assert "e2ebp" in json.dumps(chart.to_dict()["datasets"])


def test_papers_figures_stand_beside_ours(results):
    app = opened()
    shown = app.dataframe[-1].value
    assert set(shown["method"]) == {"e2ebp", "dgl"}
    assert shown["ours"].notna().all()
    app.toggle(key="run_here").set_value(False).run()
    everything = app.dataframe[-1].value
    assert len(everything) == len(pd.read_csv(results / "claims.csv"))
    app.multiselect(key="paper_dataset").select("STL-10").run()
    assert set(app.dataframe[-1].value["dataset"]) == {"STL-10"}


def test_cut_points_are_listed(results):
    cuts = opened().dataframe[1].value
    assert "layer1 layer2 layer3" in set(cuts["cuts"])


def test_an_empty_folder_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path / "nothing"))
    assert "beyond run digits" in opened().info[0].value


def test_tables_without_rows_say_what_to_do(tmp_path, monkeypatch):
    write_tables(tmp_path)
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    assert "beyond run digits" in opened().info[0].value


def test_a_table_of_another_version_is_an_error_not_a_traceback(results):
    pd.DataFrame({"suite": ["a"]}).to_csv(results / "leaderboard.csv", index=False)
    assert "beyond table" in opened().error[0].value


def test_a_suite_of_failures_only_is_shown(results):
    write_runs(results / "runs", make_record("fa", 2, 0, status="oom", suite="a_first"))
    write_tables(results, TOP / "methods")
    app = opened(suite="a_first")
    assert list(board_of(app)["status"]) == ["1 of 1 oom"]


def test_hostile_text_is_shown_as_text_and_its_link_dropped(results):
    path = results / "leaderboard.csv"
    board = pd.read_csv(path)
    board["title"], board["paper"] = HOSTILE, "javascript:alert(1)"
    board.to_csv(path, index=False)
    app = opened()
    assert board_of(app)["name"].iloc[0].startswith("<script>")  # a table's cells are plain text
    assert board_of(app)["paper"].isna().all()
    from reading import plain

    assert plain(HOSTILE) in texts(app)
    assert HOSTILE not in texts(app)
    assert not any("<script" in element.proto.body for element in app.get("html"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://arxiv.org/abs/1", True),
        ("http://a.org", True),
        (" https://a.org ", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        ("data:text/html,x", False),
        ("https:", False),
        ("//a.org", False),
        ("https://a.org/a b", False),
        (float("nan"), False),
    ],
)
def test_only_web_addresses_become_links(text, kept):
    from benchmark.display.reading import web_address

    assert web_address(text) == (text.strip() if kept else None)


def test_labels_do_not_lie_on_each_other():
    from benchmark.display.labels import _box, _overlap, place_labels

    points = pd.DataFrame({"x": [0.1, 0.101, 0.5, 0.9], "y": [50, 51, 60, 90], "label": list("abcd")})
    placed = place_labels(points)
    boxes = [_box(row, row.side) for row in placed.itertuples()]
    assert len(boxes) == 4
    assert not any(_overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert place_labels(points.iloc[:0]).empty


def test_the_page_never_imports_torch_or_a_method(results):
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; from streamlit.testing.v1 import AppTest;"
        "AppTest.from_file(sys.argv[1] + '/app.py', default_timeout=60).run();"
        "sys.exit('torch' in sys.modules or any(m.startswith('beyond_plugin') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(DASHBOARD), str(TOP)]).returncode == 0


def test_key_figures_leave_out_what_was_not_cut(results):
    write_runs(results / "runs", make_record("dgl", 1, 0, 99.0, **CIFAR))
    write_tables(results, TOP / "methods")
    figures = {metric.label: metric.value for metric in opened().metric}
    assert figures == {
        "End-to-end backpropagation": "91.00 %",
        "Highest mean without it": "89.00 %",
        "Least memory without it": "0.25 ×",
    }
