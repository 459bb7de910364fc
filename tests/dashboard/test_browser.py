"""The leaderboard in a real browser: it opens, filters, keeps its view in a link, and hands out the CSV."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT
from contrast import LEAST_OF_WORDS, contrast, over
from needs import needs
from playwright.sync_api import Locator, Page, expect, sync_playwright
from records import write_runs
from shown import PAGES, write_results
from time_dashboard import QUIET, serving

from benchmark.display.comparing import SAME_FILE, facts, file_difference, finished, paired, side
from benchmark.display.copying import FORMS, copied
from benchmark.display.edition import bibtex_of_benchmark, read_edition
from benchmark.display.fitting import batches, card_in_words, largest_in_words, on_card, read_fit, summary
from benchmark.display.reading import read_board, read_cells, read_json, read_methods, without_references
from benchmark.export.site import export
from benchmark.schema.record import read_records
from benchmark.tables.blocks import suites_in_order

pytestmark = needs("chromium")
expect.set_options(timeout=120_000)
GRID = "table[role=grid]"
PAPER = {"light": "rgb(253, 252, 250)", "dark": "rgb(17, 22, 28)"}
# Words in charts, which axe leaves out: their colours and how opaque they are.
WORDS = """() => [...document.querySelectorAll("svg text")].filter((text) => text.textContent.trim()).map((text) => {
  const { fill, fillOpacity, opacity } = getComputedStyle(text);
  return [fill, fillOpacity * opacity];
})"""
# Rows of a table are alike, and hundreds take axe a minute; what is scrolled away it does not look at.
FEW_ROWS = """() => {
  for (const body of document.querySelectorAll("tbody")) [...body.rows].slice(4).forEach((row) => row.remove());
  for (const kind of [".bb-claim", ".bb-grid li", ".bb-words > *", "pre span"])
    [...document.querySelectorAll(kind)].slice(16).forEach((one) => one.remove());
  for (const box of document.querySelectorAll(".box, .bb-gap, .bb-grid, .bb-cases")) box.style.overflow = "visible";
}"""
IN_CLIPBOARD = "async (text) => (await navigator.clipboard.readText()).trim() === text"
STYLED = "getComputedStyle(document.documentElement).getPropertyValue('--bb-paper') !== ''"  # it comes after the texts
PHONE, WIDE = {"width": 400, "height": 800}, {"width": 1600, "height": 900}
TALL = {"width": 1400, "height": 6000}  # it scrolls in a box of its own
LINKS = "[data-testid=stTopNavLink]"
ONE_DIRECTION = "document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth"
FOLLOWS = "([table]) => !!(table.compareDocumentPosition(document.activeElement) & Node.DOCUMENT_POSITION_FOLLOWING)"
FAULTS = "[data-testid=stException], [data-testid=stAlertContentError]"


@pytest.fixture(scope="module")
def address():
    with serving(ROOT / "results") as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as tool:
        launched = tool.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def context(browser):
    """One for all tests: what the browser has fetched and compiled for a page, it keeps."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    context.set_default_timeout(120_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context


@pytest.fixture
def page(context):
    with context.new_page() as page:
        yield page


def grid(page: Page) -> Locator:
    """The first table of the page, which is not always the first to be drawn."""
    found = page.locator("[data-testid=stDataFrame]").first.locator(GRID)
    expect(found).to_be_attached()
    return found


def rows(page: Page) -> int:
    """Rows of the first table, without its heading."""
    return int(grid(page).get_attribute("aria-rowcount")) - 1


def settled(page: Page) -> None:
    """Wait until the page's script has run to its end: what is clicked before may be drawn anew."""
    expect(page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")


def choose(page: Page, label: str, name: str) -> None:
    """Choose an option of a chooser, as who types its name.

    Not with the mouse: where the machine is slow, the list still moves while the button is down, so that the browser
    tells the whole list of a click, and no option.
    """
    page.locator("[data-testid=stMultiSelect]", has_text=label).locator("input").first.fill(name)
    page.get_by_role("option", name=name, exact=True).dispatch_event("click")


def test_filter_share_and_download(page, context, address):
    board = without_references(read_board(ROOT / "results"))
    here = board[(board["suite"] == "digits") & (board["backbone"] == "cifar_resnet8") & (board["leads"] == "yes")]
    page.goto(f"{address}/?suite=digits")
    assert rows(page) == len(here)

    settled(page)
    choose(page, "Method", "dgl")
    expect(page).to_have_url(re.compile("method=dgl"))
    expect(grid(page)).to_have_attribute("aria-rowcount", str(1 + (here["method"] == "dgl").sum()))

    friend = context.new_page()
    friend.goto(page.url)
    assert rows(friend) == (here["method"] == "dgl").sum()

    friend.get_by_role("radio", name="LaTeX").click()
    code = friend.locator("[data-testid=stCode]", has_text="tabular")
    code.hover()
    code.locator("xpath=..").get_by_role("button", name="Copy to clipboard").dispatch_event("click")
    text = copied(here[here["method"] == "dgl"], FORMS["LaTeX"], read_edition(ROOT / "results"))
    friend.wait_for_function(IN_CLIPBOARD, arg=text.strip())

    with friend.expect_download() as waiting:
        friend.locator("[data-testid=stDownloadButton] button", has_text="CSV").click()
    got = pd.read_csv(Path(waiting.value.path()))
    assert got["test_top1_pct"].tolist() == here.loc[here["method"] == "dgl", "test_top1_pct"].tolist()
    friend.close()


def test_a_link_says_the_defaults_and_going_back_undoes_a_choice(page, browser, address):
    board = without_references(read_board(ROOT / "results"))
    suite = suites_in_order(board)[0]
    backbone = board.loc[board["suite"] == suite, "backbone"].iloc[0]
    view = f"suite={suite}&backbone={backbone}"
    page.goto(address)
    expect(page).to_have_url(re.compile(rf"\?{view}(&recipe=\w+)?&sort=rank$"))
    settled(page)
    whole = rows(page)
    for name in ("dfa", "dgl"):
        choose(page, "Method", name)
        expect(page).to_have_url(re.compile(rf"method={name}$"))
    page.keyboard.press("Escape")  # an open list hides the rest of the page
    expect(page).to_have_url(re.compile(r"method=dfa&method=dgl$"))
    here = board[(board["suite"] == suite) & (board["backbone"] == backbone) & (board["leads"] == "yes")]
    expect(grid(page)).to_have_attribute("aria-rowcount", str(1 + here["method"].isin(["dfa", "dgl"]).sum()))
    page.go_back()
    page.go_back()
    expect(grid(page)).to_have_attribute("aria-rowcount", str(1 + whole))
    page.get_by_role("link", name="Trade-offs").first.click()
    expect(page).to_have_url(re.compile(rf"/trade_offs\?{view}.*&cost=memory$"))


def test_the_keyboard_passes_a_table_in_one_step(page, address):
    page.goto(f"{address}/?suite=fashion")
    table = page.locator("[data-testid=stDataFrame]").first
    expect(table).to_be_visible()
    settled(page)
    page.get_by_role("link", name="Skip this table").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-testid=stDataFrame]') === null")
    assert page.evaluate(FOLLOWS, [table.element_handle()])


def test_what_an_address_names_in_vain_is_said(page, address):
    page.goto(f"{address}/?suite=gone&method=dgl")
    expect(page.get_by_text("The address names the suite gone, which is not here.")).to_be_visible()


def test_a_filter_that_matches_nothing_says_so(page, address):
    page.goto(f"{address}/?suite=digits&method=dgl&family=strictly+modular")
    expect(page.get_by_text("No row matches these filters")).to_be_visible()


def readable(page: Page, ground: str) -> None:
    """Axe finds nothing in the light and in the dark, and words in charts stand out, too.

    Args:
        page: a page that is drawn.
        ground: what has the page's background.
    """
    page.evaluate(FEW_ROWS)
    for scheme, paper in PAPER.items():
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(ground)).to_have_css("background-color", paper)
        rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}  # nothing else hangs on colours
        found = Axe().run(page, options={"resultTypes": ["violations"], **rules})
        assert found.violations_count == 0, f"{page.url}, {scheme}: {found.generate_report()}"
        for colour, opaque in page.evaluate(WORDS):
            if opaque > 0:  # a name that the other width draws
                assert contrast(over(colour, paper, opaque), paper) >= LEAST_OF_WORDS, (page.url, scheme, colour)
    page.emulate_media(color_scheme="light")


@pytest.mark.timeout(900)  # fourteen pages, each looked at twice: half a minute on a quiet machine, more on a busy one
def test_every_page_is_whole_asks_no_other_host_and_can_be_read_by_all(page, address):
    hosts, faults = set(), []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    expect(page.locator(LINKS)).to_have_count(len(PAGES))
    for link in page.locator(LINKS).all():
        page.set_viewport_size(WIDE)  # a phone has the links in a menu
        title = link.inner_text().split("\n")[-1]  # after its icon's name
        link.click()
        expect(page).to_have_title(f"{title} · Beyond Backprop")
        expect(page.locator("h1").first).to_be_visible()
        settled(page)
        page.wait_for_function(STYLED)
        page.set_viewport_size(PHONE)
        assert page.evaluate(ONE_DIRECTION), f"{title}: a phone scrolls sideways"
        page.set_viewport_size(TALL)
        assert page.locator(FAULTS).count() == 0, title
        for chart in page.locator("[data-testid=stVegaLiteChart]").all():
            expect(chart.locator("svg").first).to_be_attached()
        readable(page, "[data-testid=stApp]")
    assert faults == []
    assert {host for host in hosts if host} == {address.removeprefix("http://")}


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """Results, and their static pages; the file of one method is hostile."""
    folder = tmp_path_factory.mktemp("static")
    results = write_results(folder / "results")
    shutil.copy(ROOT / "results" / "fit.csv", results)
    source = "\n".join(["# <img src=x onerror=alert(1)>", *map(str, range(12)), "</script>"])
    for method, text in {"dgl": source, "e2ebp": source.replace("0", "zero")}.items():
        path = results / "methods" / f"{method}.json"
        sha = hashlib.sha256(text.encode()).hexdigest()
        path.write_text(json.dumps(json.loads(path.read_text()) | {"files": {sha: {"commit": "c", "source": text}}}))
        for record in read_records(results / "runs"):
            if record.identity.method == method and record.provenance:
                origin = record.provenance.model_copy(update={"method_sha256": sha})
                write_runs(results / "runs", record.model_copy(update={"provenance": origin}).sealed())
    export(results, folder / "site")
    return folder


def test_the_static_page_compares_two_rows_as_the_dashboard_does(page, static):
    results, faults = static / "results", []
    board, methods = read_board(results), read_methods(results)
    here, ended = board[board["suite"] == "cifar10"].set_index("row", drop=False), finished(read_cells(results))
    a, b = (
        side(here.loc[name].to_dict(), ended, lambda record: read_json(results / record), {}, methods["dgl"])
        for name in ("dgl, K = 4, shared", "e2ebp, K = 1, shared")
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"file://{static}/site/compare.html#{here.loc[a.name, 'compare']}")
    expect(page.locator("#paired")).to_have_text(paired(a, b).says)
    lines = page.locator("#facts tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.innerText))"
    )
    assert [tuple(line) for line in lines] == list(facts(a, b))
    files = [next(iter(methods[side.method]["files"].values()))["source"] for side in (b, a)]
    expect(page.locator("#difference span")).to_have_text(file_difference(*files))
    assert page.locator("#compared img, #compared script").count() == 0
    page.locator("select[name=b]").select_option("dgl, K = 2, shared")
    expect(page.locator("#files")).to_have_text(SAME_FILE)
    expect(page).to_have_url(re.compile(re.escape("b=dgl%2C+K+%3D+2")))
    assert faults == []


def test_the_static_page_reckons_what_fits_as_the_dashboard_does(page, static):
    results = static / "results"
    table = read_fit(results, read_board(results))
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"file://{static}/site/fit.html")
    for network, card in zip(table["network"].unique(), (4, 24, 6, 11, 80, 8, 16), strict=False):
        part = table[table["network"] == network]
        batch = batches(part)[1]
        for name, value in {"network": network, "batch": str(batch), "card": str(card)}.items():
            page.locator(f"select[name={name}]").select_option(value)
        rows = on_card(part, batch, card)
        expect(page.locator("#summary")).to_have_text(summary(rows, card))
        shown = page.locator("tbody tr:visible").evaluate_all(
            "rows => rows.map(row => [...row.querySelectorAll('[data-cell]')].map(cell => cell.textContent))"
        )
        asked = [
            [row["fits"], f"{row['simulated']:.2f}", card_in_words(row), f"{row['of_bar']:.2f}", largest_in_words(row)]
            for row in rows.to_dict("records")
        ]
        assert sorted(shown) == sorted(asked)
    fullest = table["network"].value_counts().idxmax()
    page.locator("select[name=network]").select_option(fullest)
    page.locator("select[name=k]").select_option("4")
    part = table[table["network"] == fullest]
    assert page.locator("tbody tr:visible").count() == part["modules"].isin([1, 4]).sum()
    page.locator("select[name=family]").select_option("strictly modular")
    families = page.locator("tbody tr:visible").evaluate_all("rows => rows.map((row) => row.dataset.family)")
    assert set(families) == {"end-to-end", "strictly modular"}
    assert faults == []


def test_every_kind_of_static_page_can_be_read_by_all(page, static):
    site = static / "site"
    names = [path.stem for path in sorted(site.glob("*.html"))]
    kinds = [name for name in names if not name.startswith("method-")] + ["method-dgl"]
    titles = set()
    for name in kinds:
        page.goto(f"file://{site}/{name}.html")
        titles.add(page.title())
        for form in page.locator("form.filters").all():
            expect(form).to_be_visible()  # its script has found its table
        readable(page, "body")
    assert len(titles) == len(kinds)


def test_the_static_board_is_filtered_passed_by_keyboard_and_copied(page, static):
    results, site = static / "results", static / "site"
    page.goto(f"file://{site}/index.html")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.locator("select[name=family]").select_option("strictly modular")
    rows = without_references(read_board(results))
    rows = rows[rows["family"] == "strictly modular"]
    shown = page.locator(".bb-gap tr[data-family]:visible")
    assert set(shown.evaluate_all("rows => rows.map((row) => row.dataset.family)")) == {"strictly modular"}
    address = page.url
    page.locator("a.skip[href='#after-rows']").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('table') === null")
    assert page.url == address

    page.get_by_text("Take it away").click()
    wanted = {f"Copy as {name}": copied(rows, form, read_edition(results)) for name, form in FORMS.items()}
    for name, text in (wanted | {"Copy the citation": bibtex_of_benchmark(read_edition(results))}).items():
        page.get_by_role("button", name=name).click()
        expect(page.locator("[data-copies] output")).to_have_text(re.compile("copied"))
        page.wait_for_function(IN_CLIPBOARD, arg=text.strip())
