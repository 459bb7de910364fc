"""The page of claims: the order, the colours, what is drawn where, and where its links lead."""

import re

import pytest
from conftest import ROOT
from contrast import LEAST_OF_WORDS, contrast
from records import CLAIMS, make_record, write_own_tables, write_runs
from test_colours import THEME

from benchmark.display.claims import COLOURS, VERDICTS, claims_list, read_said, summary
from benchmark.display.claims_style import claims_style
from benchmark.display.gap import STEPS
from benchmark.display.rows import query_of

CIFAR = {"suite": "cifar10", "dataset": "cifar10", "backbone": "cifar_resnet32"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    records = [make_record("e2ebp", 1, s, 90.0 + s, **CIFAR) for s in range(3)]
    records += [make_record("dgl", k, s, 90.0 + s - k, memory=1 / k, **CIFAR) for k in (2, 4) for s in range(3)]
    write_runs(folder / "runs", *records)
    (folder / "claims.yaml").write_text(CLAIMS)
    write_own_tables(folder)
    said = read_said(folder)
    assert summary(said.claims).startswith("Of 3 claims, 1 are supported, 1 are contradicted, 0 are not")
    return str(claims_list(said, lambda query: f"compare?{query_of(query)}", lambda query: f"board?{query_of(query)}"))


@pytest.mark.parametrize(("scheme", "side"), [("light", 0), ("dark", 1)])
def test_verdicts_are_read_on_light_and_dark_pages(scheme, side):
    assert set(COLOURS) == set(VERDICTS)
    paper = THEME[scheme]["backgroundColor"]
    assert {verdict for verdict, pair in COLOURS.items() if contrast(pair[side], paper) < LEAST_OF_WORDS} == set()
    assert all(f"light-dark({light}, {dark})" in claims_style() for light, dark in COLOURS.values())


def test_a_table_that_a_finding_names_is_shown_as_code():
    said = read_said(ROOT / "results")
    page = claims_list(said, lambda query: "", lambda query: "")
    assert "<code>transfer</code>" in page
    assert "`" not in page


def test_each_claim_has_its_sentence_verdict_source_and_finding(page):
    first, second, third = page.split("<section ")[1:]
    assert 'class="bb-claim bb-contradicted" id="matches"' in first
    assert "<q>Greedy learning can match backpropagation</q>" in first
    assert 'Quoted: <a href="https://example.org/paper"' in first
    assert "stated for ImageNet" in first
    assert "is above −0.5 points, in every setting." in first
    assert re.search(r"dgl, K = 4, in cifar10, cifar_resnet32: −4.00 ± \d\.\d\d points, n = 3, p (=|&lt;) ", first)
    assert 'bb-supported" id="saves"' in second
    assert "−50.00 %, n = 3. Compared without a test in 2 settings" in second
    assert 'bb-untested" id="unseen"' in third
    assert "bb-cases" not in third


def test_the_deciding_setting_stands_first_with_links_to_its_rows(page):
    rows = page.split("<section ")[1].split("<tr")[1:]
    assert len(rows) == 2
    assert 'class="bb-decides"' in rows[0]
    query = "suite=cifar10&amp;backbone=cifar_resnet32&amp;a=dgl%2C+K+%3D+4%2C+shared&amp;b=e2ebp%2C+K+%3D+1%2C+shared"
    assert f'<a href="compare?{query}">dgl, K = 4 − e2ebp, K = 1</a>' in rows[0]
    assert '<a href="board?suite=cifar10&amp;backbone=cifar_resnet32&amp;recipe=shared">' in rows[0]


def test_points_lie_left_of_the_line_that_they_miss(page):
    drawn = page.split("<section ")[1].split("<tr")[1]
    zero, line, point = (int(re.search(rf"bb-{name} at(\d+)", drawn)[1]) for name in ("zero", "line", "point"))
    assert 0 <= point < line < zero <= STEPS
    assert "bb-bar" in drawn
    assert "bb-bar" not in page.split("<section ")[2]  # memory has no interval
    assert "bb-hollow" in page.split("<section ")[2]
