"""The static pages over a suite that is tuned."""

import re

import pytest
from recipes import write_tuned_results

from benchmark.export.site import export


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    export(write_tuned_results(folder / "results"), folder / "site")
    return folder / "site"


def rows_of(page, name):
    """The texts of the cells of a table, row by row; its heading first."""
    table = re.search(rf'data-name="{name}">(.*?)</table>', page, re.S)[1]
    rows = re.findall(r"<tr.*?>(.*?)</tr>", table, re.S)
    return [[re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.S)] for row in rows]


def column(page, name, label):
    heading, *rows = rows_of(page, name)
    return [row[heading.index(label)] for row in rows]


def test_the_board_has_the_tuned_rows_first_and_no_reference(site):
    page = (site / "index.html").read_text()
    assert column(page, "rows", "Recipe") == ["tuned"] * 7 + ["shared"] * 7
    assert "Rank" not in rows_of(page, "rows")[0]  # two seeds: nobody has one
    assert "No method has a rank yet" in page
    assert column(page, "rows", "at equal FLOPs")[1] == "-4.17 ± 0.00"
    assert '<select name="recipe">' in page


def test_what_tuning_changed_is_told(site):
    page = (site / "index.html").read_text()
    assert column(page, "tuning", "Tuned, %") == ["91.50", "84.50", "89.50", "82.50"]
    assert column(page, "tuning", "Learning rate") == ["0.003"] * 4


def test_trade_offs_have_a_section_a_recipe_and_the_reference_curve(site):
    page = (site / "trade-offs.html").read_text()
    tuned, shared = page.index("digits, cifar_resnet20, tuned</h2>"), page.index("digits, cifar_resnet20, shared</h2>")
    assert tuned < page.index("The reference curve") < shared
    assert column(page, "reference", "× epochs") == ["0.50", "1.00", "2.00", "4.00"]
    assert "Accuracy against the FLOPs of the training" in page


def test_a_methods_page_shows_its_search(site):
    page = (site / "method-dgl.html").read_text()
    assert column(page, "trials", "Chosen").count("chosen") == 2
    assert column(page, "trials", "Learning rate")[:2] == ["0.1", "0.003"]
    assert column(page, "trials", "Status").count("diverged") == 1
    assert column(page, "tuning", "Difference") == ["+33.00 ± 0.00"] * 2
    assert "<svg" in page
    assert "Search for its recipe" not in (site / "method-fa.html").read_text()


def test_records_of_all_recipes_are_linked(site):
    page = (site / "runs-digits.html").read_text()
    record = "runs/digits/e2ebp/cifar_resnet20-k1-s1-tuned-x0.5.json"
    assert f'href="{record}"' in page
    assert (site / record).is_file()
