"""Text from plugins and records is shown as text on every page, and only web addresses become links."""

import json

import pandas as pd
import pytest
from records import make_record, write_own_tables, write_runs
from shown import CIFAR, PAGES, TOP, charts_of, html_of, opened, texts, write_results
from tracks_written import write_tracks

from benchmark.display.reading import web_address

HOSTILE = "<script>alert(1)</script> **bold** [x](javascript:alert(1)) :smile: $a$"
SAID = ("title", "authors", "family", "requires", "doc")


pytestmark = pytest.mark.usefixtures("dashboard_on_path")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Every text that a plugin or a record can bring in is hostile, ids excepted."""
    folder = write_results(tmp_path_factory.mktemp("hostile"))
    evil = make_record("dgl", 8, 0, 88.0, **(CIFAR | {"variant": "x"})).model_copy(update={"cuts": [HOSTILE]})
    failed = make_record("dgl", 16, 0, status="failed", **CIFAR).model_copy(update={"error": HOSTILE})
    write_runs(folder / "runs", evil.sealed(), failed.sealed())
    write_own_tables(folder, TOP / "methods")
    board = pd.read_csv(folder / "leaderboard.csv")
    texts = ("title", "family", "requires", "removes", "labels", "source", "device", "cuts", "status", "rerun_by")
    board = board.assign(**dict.fromkeys(texts, HOSTILE), paper="javascript:alert(1)")
    board.to_csv(folder / "leaderboard.csv", index=False)
    figures = pd.read_csv(folder / "reproductions.csv")
    figures = figures.assign(note=HOSTILE, publication=HOSTILE, metric=HOSTILE)
    figures.to_csv(folder / "reproductions.csv", index=False)
    claims = pd.read_csv(folder / "claims.csv")
    claims = claims.assign(says=HOSTILE, source=HOSTILE, why=HOSTILE, test=HOSTILE, link="javascript:alert(1)")
    claims.to_csv(folder / "claims.csv", index=False)
    write_tracks(folder)
    for name in ("labels", "roles", "roles-cka", "transfer", "transfer-pairs"):
        track = pd.read_csv(folder / f"{name}.csv")
        track.assign(suite=HOSTILE, variant=HOSTILE).to_csv(folder / f"{name}.csv", index=False)
    said = dict.fromkeys(SAID, HOSTILE) | {"removes": [HOSTILE], "variants": {HOSTILE: {}}, "defaults": {"a": HOSTILE}}
    said |= {
        "paper": "javascript:alert(1)",
        "year": HOSTILE,
        "files": {"a" * 64: {"commit": HOSTILE, "source": HOSTILE, "edition_of": HOSTILE}},
    }
    (folder / "methods/dgl.json").write_text(json.dumps({"id": "dgl"} | said))
    suites = {"cifar10": {"title": HOSTILE}, "digits": {"title": HOSTILE}}
    (folder / "suites.json").write_text(json.dumps(suites))
    return folder


@pytest.fixture
def results(written, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(written))
    return written


VIEWS = [
    *((page, {}) for page in PAGES),
    ("leaderboard", {"suite": "overall"}),
    *((page, {"method": HOSTILE, "suite": HOSTILE}) for page in ("leaderboard", "modules", "method", "runs")),
    ("method", {"method": "dgl"}),
    ("runs", {"run": "runs/cifar10/dgl/cifar_resnet32-k16-s0.json"}),
    ("trade_offs", {"picked": "dgl x, K = 8"}),
    ("tracks", {"track": "roles"}),
    ("curves", {"row": "dgl x, K = 8"}),
    ("compare", {"a": "dgl x, K = 8, shared"}),
]


@pytest.mark.parametrize(("page", "query"), VIEWS)
def test_hostile_text_is_shown_as_text(results, page, query):
    app = opened(page, **query)
    markdown, html = texts(app), html_of(app)
    assert "<script" not in markdown.replace("\\", "") or "\\<script\\>" in markdown
    assert "**bold**" not in markdown
    assert "](javascript" not in markdown
    assert "<script>" not in html
    for table in app.table:  # whose cells are Markdown
        cells = " ".join([*table.value.columns, *table.value.to_numpy().ravel()])
        assert "**bold**" not in cells
        assert "](javascript" not in cells
    for table in app.dataframe:
        links = [name for name in ("paper", "code") if name in table.value]
        assert not table.value[links].astype(str).apply(lambda column: column.str.contains("javascript")).any().any()


def test_hostile_text_reaches_charts_as_data_only(results):
    for page in ("trade_offs", "modules", "curves"):
        for chart in charts_of(opened(page)):
            chart.pop("datasets", None)
            assert "alert(1)" not in json.dumps(chart)


def test_the_tests_text_does_reach_the_pages(results):
    from escaping import in_html, plain

    assert plain(HOSTILE) in texts(opened())
    assert in_html(HOSTILE) in html_of(opened())
    assert plain(HOSTILE) == opened("method", method="dgl").title[0].value
    assert HOSTILE in opened("runs", run="runs/cifar10/dgl/cifar_resnet32-k16-s0.json").code[0].value


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
    assert web_address(text) == (text.strip() if kept else None)


def test_an_address_cannot_leave_its_link():
    from escaping import link, method_address

    assert link("a", "https://a.org/>)[x](javascript:alert(1))") == (
        "[a](<https://a.org/%3E%29%5Bx%5D%28javascript:alert%281%29%29>)"
    )
    assert method_address("a&b=c#d") == "method?method=a%26b%3Dc%23d"
