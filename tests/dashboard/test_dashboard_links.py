"""The address of each page: it says all that is shown, opens the same view later, and says what is not here."""

import json

import pytest
from records import make_record, write_own_tables, write_runs
from shown import CIFAR, TOP, opened, texts, write_results

pytestmark = pytest.mark.usefixtures("dashboard_on_path")


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    write_results(tmp_path)
    path = tmp_path / "methods" / "auglocal.json"
    file = {"commit": "c", "source": "x"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": {"b" * 64: file}}))
    return tmp_path


def chosen(app):
    return {box.key: box.value for box in [*app.selectbox, *app.multiselect, *app.toggle]}


def address(app):
    """Of what the address names, the texts; AppTest has them as lists or bare."""
    texts = {key: list(text) if isinstance(text, list) else [text] for key, text in app.query_params.items()}
    return {key: found for key, found in texts.items() if found}


def grow(results):
    """Another suite with more methods, another backbone, another method, another file: every default changes."""
    records = [make_record("aaa", k, 0, 99.0, suite="a_new_one") for k in range(2, 20)]
    records += [make_record(f"aaa{i}", 2, 0, 99.0, suite="a_new_one") for i in range(9)]
    records += [make_record("dgl", 4, s, 99.0, **(CIFAR | {"backbone": "a_first"})) for s in range(3)]
    write_runs(results / "runs", *records)
    write_own_tables(results, TOP / "methods")
    path = results / "methods" / "auglocal.json"
    files = {sha * 64: {"commit": "c", "source": "x"} for sha in "ab"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": files}))


@pytest.mark.parametrize("page", ["leaderboard", "trade_offs", "modules", "curves", "method"])
def test_a_link_to_a_default_view_opens_it_when_results_have_grown(results, page):
    first = opened(page)
    grow(results)
    assert chosen(opened(page)) != chosen(first)
    assert chosen(opened(page, **first.query_params)) == chosen(first)


def test_the_address_says_what_the_reader_chose(results):
    app = opened()
    assert address(app) == {"suite": ["cifar10"], "backbone": ["cifar_resnet32"], "sort": ["rank"]}
    app.multiselect(key="method").select("dgl").run()
    app.multiselect(key="modules").select(4).run()
    assert address(app)["method"] == ["dgl"]
    assert address(app)["modules"] == ["4"]
    app.selectbox(key="suite").select("digits").run()
    assert address(app)["suite"] == ["digits"]
    assert not app.warning or "address" not in texts(app)
    app.multiselect(key="method").unselect("dgl").run()
    assert "method" not in address(app)
    page = opened("published")
    page.toggle[0].set_value(True).run()
    assert address(page) == {"run_here": ["true"]}


def test_a_choice_outlives_a_run_that_was_cut_short(results):
    app = opened()
    app.query_params = address(app)
    app.session_state["method"], app.session_state["choosing"] = ["dgl"], "method"  # as the cut run left them
    app.run()
    assert chosen(app)["method"] == ["dgl"]
    assert address(app)["method"] == ["dgl"]
    assert "choosing" not in app.session_state


def test_a_choice_holds_though_the_browser_still_sends_the_address_before_it(results):
    app = opened()
    before = address(app)
    app.multiselect(key="method").select("dgl").run()
    app.query_params = before
    app.multiselect(key="modules").select(2).run()
    assert chosen(app)["method"] == ["dgl"]
    assert address(app)["method"] == ["dgl"]


def test_going_back_to_an_address_shows_its_view(results):
    app = opened(method="dgl")
    before = address(app)
    app.selectbox(key="suite").select("digits").run()
    app.query_params = before
    app.run()
    assert chosen(app)["suite"] == "cifar10"
    assert chosen(app)["method"] == ["dgl"]


GONE = [
    *[("leaderboard", key, label) for key, label in {"suite": "suite", "backbone": "backbone"}.items()],
    *[("leaderboard", key, label) for key, label in {"method": "method", "locks": "locks removed"}.items()],
    *[("leaderboard", "hidden_labels", "labels of hidden modules")],
    *[("leaderboard", "modules", "K"), ("leaderboard", "family", "family")],
    *[("trade_offs", "suite", "suite"), ("trade_offs", "cost", "cost"), ("trade_offs", "picked", "picked row")],
    *[("modules", "backbone", "backbone"), ("modules", "method", "method")],
    *[("curves", "row", "row"), ("curves", "seed", "seed")],
    *[("compare", "a", "row A"), ("compare", "backbone", "backbone")],
    *[("published", "metric", "figure"), ("published", "dataset", "data set")],
    *[("method", "method", "method"), ("method", "file", "version (SHA-256)")],
    *[("runs", "status", "status"), ("runs", "suite", "suite")],
]


@pytest.mark.parametrize(("page", "key", "label"), GONE)
def test_an_address_that_names_what_is_not_here_says_so(results, page, key, label):
    app = opened(page, **{key: "gone"})
    said = [warning.value.replace("\\", "") for warning in app.warning]
    assert said == [f"The address names the {label} gone, which is not here."]
    assert address(app)[key] == ["gone"]  # the address stays as it is until the reader chooses


def test_what_is_not_here_leaves_the_address_when_the_reader_chooses(results):
    app = opened(method=["gone", "dgl"], backbone="gone")
    assert chosen(app)["method"] == ["dgl"]
    assert len(app.warning) == 2
    app.multiselect(key="modules").select(2).run()
    assert not app.warning
    assert address(app)["method"] == ["dgl"]
    assert address(app)["backbone"] == ["cifar_resnet32"]
