"""The static page: complete without a script, safe with a stranger's texts, whole or not there."""

import json
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from records import CLAIMS, FIDELITY, make_record, write_own_tables, write_runs
from tracks_written import write_tracks

from benchmark.display import objecting
from benchmark.display.reading import read_board
from benchmark.display.recipe_line import recipe_line
from benchmark.display.traits import TRAITS
from benchmark.errors import UserError
from benchmark.export.folder import MARK, write_folder
from benchmark.export.site import export
from benchmark.schema.suite import PROTOCOL

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
CIFAR = {"suite": "cifar10", "dataset": "cifar10", "backbone": "cifar_resnet32"}
FORMULAS = {"title": "=1+1", "requires": "@a", "cuts": "-a", "device": "\tb"}  # what a spreadsheet would compute
PAPER = {"suite": "papers_small_mlp_mnist", "dataset": "mnist", "backbone": "local_loss_mlp", "recipe": "paper"}
PLAN = {"method": "dgl", "variant": "", "backbone": "vgg11_bn", "modules": 8, "peak_gb": 1.23, "peak_ratio": 0.41}

FIT = (
    "backbone,image,method,variant,modules,batch_low,batch_mid,batch_high,peak_low_gb,peak_mid_gb,peak_high_gb,"
    "fixed_gb,picture_mb,picture_gflops,parameters,auxiliary_parameters,note\n"
    "resnet18,224,e2ebp,,1,8,32,128,0.4,1.6,6.8,,,10,1,0,\n"
    "resnet18,224,gradient_checkpointing,,4,8,32,128,0.2,0.8,3.2,,,13,1,0,\n"
    "resnet18,224,infopro,b,4,8,32,128,0.3,1.2,4.8,,,20,1,7,\n"
    "resnet18,224,dgl,,4,8,32,128,,,,,,,,,no cut\n"
)


# beside that of all tables
SCRIPTS = {
    "index.html": ["copy.js"],
    "fit.html": ["fit.js"],
    "compare.html": ["compare.js"],
}


class Page(HTMLParser):
    """What stands in a page: its tags, ids, links and what a browser would load."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name, self.text = path.name, path.read_text()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(self.text)
        self.ids = {tag["id"] for _, tag in self.tags if "id" in tag}
        self.links = [tag["href"] for name, tag in self.tags if name == "a"]
        self.loaded = [tag["href"] for name, tag in self.tags if name == "link" and tag["rel"] == "stylesheet"]
        self.loaded += [tag["src"] for _, tag in self.tags if "src" in tag]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def write_results(folder: Path) -> Path:
    records = [make_record("e2ebp", 1, seed, 91 + seed / 10, time=1.0) for seed in range(3)]
    for k in (2, 4):
        records += [make_record("dgl", k, seed, 90 - k + seed / 10, memory=0.9 / k, time=1.2) for seed in range(3)]
        records += [make_record("mac", k, seed, status="diverged") for seed in range(2)]
    records += [make_record("infopro", 4, 0, 80.0, variant=variant, memory=2.0) for variant in ("softmax", "b")]
    records += [make_record("fa", 1, seed, 70.0) for seed in range(3)]
    records += [make_record("trgl", 4, 0, 99.0, memory=0.1)]
    records += [make_record("unheard_of", 4, seed, 60.0) for seed in range(3)]
    records += [make_record("man", 8, 0, 91.5, variant="greedy", **CIFAR)]
    records += [make_record("e2ebp", 1, 0, 92.0, **PAPER)]
    write_runs(folder / "runs", *records)
    (folder / "published.csv").write_text(Path("results/published.csv").read_text())
    (folder / "claims.yaml").write_text(CLAIMS)
    write_own_tables(folder)
    said = {"digits": json.loads(Path("results/suites.json").read_text())["digits"]}
    (folder / "suites.json").write_text(json.dumps(said))
    write_tracks(folder)
    (folder / "plans").mkdir()
    pd.DataFrame([PLAN | {"flops_ratio": 1.1, "auxiliary_parameters": 7, "note": "", "protocol": PROTOCOL}]).to_csv(
        folder / "plans" / "cifar10.csv", index=False
    )
    (folder / "fit.csv").write_text(FIT)
    (folder / "fidelity.csv").write_text(FIDELITY)
    return folder


def spoil(folder: Path) -> None:
    """Put a stranger's texts wherever a plugin's may stand, and links among the records to what is none of them."""
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "secret.json").write_text("secret")
    (folder / "runs" / "digits" / "dgl" / "secret.json").symlink_to(elsewhere / "secret.json")
    (folder / "runs" / "digits" / "linked").symlink_to(elsewhere)
    said = json.loads((folder / "methods" / "dgl.json").read_text())
    said |= dict.fromkeys(("title", "authors", "requires", "doc"), EVIL) | {"paper": "javascript:alert(3)"}
    said |= {"defaults": {EVIL: EVIL}, "variants": {EVIL: {EVIL: EVIL}}, "files": {}}
    first = {"commit": EVIL, "source": EVIL}
    said["files"] |= {"1" * 64: first, "0" * 64: first | {"edition_of": EVIL}}
    (folder / "methods" / "dgl.json").write_text(json.dumps(said))
    board = pd.read_csv(folder / "leaderboard.csv", dtype=str, keep_default_na=False)
    board.loc[board["method"] == "dgl", ["title", "requires", "cuts"]] = EVIL
    board.loc[board["method"] == "dgl", "paper"] = "javascript:alert(3)"
    board.loc[board["variant"] == "b", ["variant", "method"]] = EVIL
    board.loc[0, list(FORMULAS)] = list(FORMULAS.values())
    board.to_csv(folder / "leaderboard.csv", index=False)
    claims = pd.read_csv(folder / "claims.csv", dtype=str, keep_default_na=False)
    claims.assign(says=EVIL, source=EVIL, stated_for=EVIL, why=EVIL, link="javascript:alert(3)").to_csv(
        folder / "claims.csv", index=False
    )
    (folder / "fidelity.csv").write_text(FIDELITY.replace("someone/their-code", EVIL))
    (folder / "fit.csv").write_text(FIT.replace(",b,", f",{EVIL},").replace("resnet18", EVIL))
    cells = pd.read_csv(folder / "cells" / "digits.csv", dtype=str, keep_default_na=False)
    cells.loc[cells["status"] != "ok", "error"] = EVIL
    cells.to_csv(folder / "cells" / "digits.csv", index=False)
    curves = pd.read_csv(folder / "curves.csv", dtype=str, keep_default_na=False)
    curves.loc[curves["variant"] == "b", ["variant", "method"]] = EVIL
    curves.to_csv(folder / "curves.csv", index=False)
    for name in ("labels", "roles", "roles-cka"):
        track = pd.read_csv(folder / f"{name}.csv")
        track.assign(variant=EVIL, suite=EVIL).to_csv(folder / f"{name}.csv", index=False)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return write_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def site(results, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "site"
    export(results, folder)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    results, folder = (
        write_results(tmp_path_factory.mktemp("evil") / "results"),
        tmp_path_factory.mktemp("made") / "site",
    )
    spoil(results)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.git.origin", lambda: "git@github.com:a/b.git")
        export(results, folder)
    return folder


def pages(site: Path) -> dict[str, Page]:
    return {path.name: Page(path) for path in sorted(site.glob("*.html"))}


def test_every_page_is_there(site):
    wanted = {
        "index",
        "claims",
        "map",
        "trade-offs",
        "fit",
        "modules",
        "curves",
        "tracks",
        "published",
        "compare",
        "methods",
        "runs",
        "changes",
        "submit",
    }
    wanted |= {"method-dgl", "method-mac", "runs-digits", "track-labels", "track-roles"}
    assert {f"{name}.html" for name in wanted} <= set(pages(site))


def test_the_page_of_a_track_has_its_charts_its_rows_and_its_files(site):
    page = (site / "track-roles.html").read_text()
    assert page.count("<svg") == page.count("<figure")
    assert "<svg" in page
    assert page.count("<tr") == len(pd.read_csv(site / "roles.csv")) + 1
    assert 'href="roles-cka.csv"' in page
    assert all(page.count(f' data-{trait}="') == page.count("<tr") - 1 for trait in TRAITS)  # what filters go by
    assert (site / "roles-cka.csv").exists()


def test_every_row_of_the_leaderboard_is_in_the_page(results, site):
    page = (site / "index.html").read_text().split('data-name="rows"')[1].split("</table>")[0]
    rows = [re.sub(r"<[^>]*>", " ", row) for row in page.split("<tr")[2:]]
    board = pd.read_csv(site / "leaderboard.csv")
    assert len(rows) == len(board)
    for row, said in zip(read_board(results).to_dict("records"), rows, strict=True):
        assert row["title"] in said
        assert row["status"] in said
        assert pd.isna(row["test_top1_pct"]) or f"{row['test_top1_pct']:.2f}" in said
    assert (site / "index.html").read_text().count('class="spark"') == board["epochs"].notna().sum()


def test_the_board_is_one_block_a_method_and_ranks_are_intervals(tmp_path):
    noise = {"dgl": (0.0, 0.5, -0.2), "trgl": (0.3, 0.1, 0.6)}
    records = [make_record(m, k, s, 80 - k + noise[m][s]) for m in noise for k in (2, 4) for s in range(3)]
    records += [make_record("man", k, s, 50 - k + noise["dgl"][s]) for k in (2, 4) for s in range(3)]
    write_runs(tmp_path / "results" / "runs", *records, *(make_record("e2ebp", 1, s, 60.0) for s in range(3)))
    write_own_tables(tmp_path / "results")
    export(tmp_path / "results", tmp_path / "site")
    page = (tmp_path / "site" / "index.html").read_text()
    table = page.split('data-name="rows"')[1].split("</table>")[0]
    rows = [(row, re.sub(r"<[^>]*>", " ", row)) for row in table.split("<tr")[2:]]
    methods = [re.search(r"method-(\w+)\.html", row)[1] for row, _ in rows]
    assert methods == ["e2ebp", "trgl", "trgl", "dgl", "dgl", "man", "man"]
    assert [' class="again"' in row for row, _ in rows] == [False, False, True, False, True, False, True]
    assert [re.search(r'once">(?:<span>)?([^<]*)', row)[1] for row, _ in rows] == ["", *["1–2"] * 4, *["3"] * 2]
    first = page.split('data-name="ranking"')[1].split("</table>")[0]
    assert "1–2 of 3 (77.33)" in first
    assert "e2ebp" not in first
    assert "no overall rank until two comparisons are complete" in page
    assert "rank 1–2 of 3 in digits" in (tmp_path / "site" / "method-dgl.html").read_text()
    assert "a reference" in (tmp_path / "site" / "method-e2ebp.html").read_text()


def test_how_a_suite_trains_stands_beside_its_rows(site):
    line = recipe_line(json.loads(Path("results/suites.json").read_text())["digits"])
    assert "16 tries each" in line
    for name in ("index", "runs-digits"):
        assert escape(line) in (site / f"{name}.html").read_text()


def test_what_stands_between_backticks_is_code(site):
    for path in site.glob("*.html"):
        whole = re.sub(r"(?s)<(pre|code)\b.*?</\1>", "", path.read_text())
        assert "`" not in re.sub(r"<[^>]*>", "", whole), path.name


def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    found = pages(site)
    for page in found.values():
        assert page.loaded[:2] == ["page.css", "tables.js"]
        assert page.loaded[2:] == SCRIPTS.get(page.name, [])
        assert not [name for name, _ in page.tags if name in ("iframe", "object", "embed", "base", "style")]
        for link in page.links:
            if re.match("https?://", link):
                continue
            name, _, place = unquote(link).partition("#")
            assert not name or (site / name).is_file(), link
            assert not place or "=" in place or place in (found[name] if name else page).ids, link
    for name in ("page.css", "tables.js", "copy.js", "fit.js", "compare.js"):
        assert "://" not in (site / name).read_text()


def test_a_strangers_text_is_shown_and_does_nothing(hostile):
    for name, page in pages(hostile).items():
        assert "<script>alert" not in page.text, name
        assert all(not link.lower().startswith("javascript:") for link in page.links), name
        assert not [tag for tag, _ in page.tags if tag == "img"], name
        assert not [key for _, tag in page.tags for key in tag if key.startswith("on")], name
        assert [tag for tag, _ in page.tags].count("script") == 1 + len(SCRIPTS.get(page.name, [])), name
        assert "script-src 'self'" in page.text
    for name in ("index", "trade-offs", "curves", "methods", "method-dgl", "runs", "runs-digits"):
        assert "&lt;script&gt;alert(1)" in (hostile / f"{name}.html").read_text(), name


def test_a_file_whose_words_alone_are_others_says_so(hostile):
    assert f"layout apart, it is <code>{escape(EVIL)}</code>" in (hostile / "method-dgl.html").read_text()


def test_every_row_can_be_set_beside_another_and_leads_to_its_twin(results, site):
    written = (site / "compare-suite-digits.js").read_text()
    data = json.loads(written.partition(" = ")[2].removesuffix(";\n"))
    rows = {row["name"]: row for setting in data for row in setting["rows"]}
    board = read_board(results).query("suite == 'digits'")
    assert set(rows) == set(board["row"])
    assert rows["dgl, K = 2, shared"]["other"] == "e2ebp, K = 1, shared"
    assert rows["dgl, K = 2, shared"]["seeds"] == {"0": 88.0, "1": 88.1, "2": 88.2}
    links = [link for link in pages(site)["method-dgl.html"].links if link.startswith("compare.html#")]
    assert links == [f"compare.html#{query}" for query in board.loc[board["method"] == "dgl", "compare"]]


def test_a_row_leads_to_an_objection_where_the_repository_has_a_tracker(site, hostile):
    assert objecting.HOW in (site / "method-dgl.html").read_text()
    form = "https://github.com/a/b/issues/new?template=object.yml&row=runs%2Fdigits%2Fdgl"
    for name in ("method-dgl.html", "runs-digits.html"):
        page = Page(hostile / name)
        assert [link for link in page.links if link.startswith(form)]
        assert "“object”" in page.text


def test_planned_rows_are_marked_and_are_no_results(site):
    page = (site / "index.html").read_text()
    results, planned = page.split('data-name="planned"')
    assert "vgg11_bn" not in results.split('data-name="rows"')[1]
    row = next(row for row in planned.split("<tr") if "vgg11_bn" in row)
    assert ">planned</span>" in row
    assert "1.23" in row


def test_failed_cells_stand_with_their_error(site):
    for name in ("runs.html", "runs-digits.html"):
        assert (site / name).read_text().count("Loss 0 became nan at epoch 2") == 4


def test_curves_keep_their_epochs(results, site):
    """The first epoch has no validation accuracy: a curve begins at its second."""
    assert pd.read_csv(results / "curves.csv")["epoch"].min() == 2
    page = (site / "curves.html").read_text()
    assert "epoch: 2;" in page
    assert "epoch: 1;" not in page


def test_a_method_that_is_never_cut_has_its_curve(site):
    assert "; run: fa;" in (site / "curves.html").read_text()


def test_suites_of_one_seed_are_named(site):
    assert "no intervals, in: cifar10, papers_small_mlp_mnist." in (site / "index.html").read_text()
    for section in (site / "trade-offs.html").read_text().split("<section")[1:]:
        assert ("One seed per row" in section) == ("<h2>cifar10," in section)


def test_a_row_that_lacks_seeds_is_not_on_the_front(site):
    page = (site / "trade-offs.html").read_text()
    front = page.split('data-name="front"')[1]
    assert "method-dgl" in front
    assert "method-trgl" not in front
    assert "trgl" in page  # it is drawn


def test_a_method_shows_the_papers_figures_under_the_papers_names(site):
    page = (site / "method-man.html").read_text().split('data-name="reproductions"')[1].split("</table>")[0]
    row = next(row for row in page.split("<tr") if "man_dgl" in row and ">91.50" not in row and ">8.50" in row)
    assert ">ok<" in row
    assert "1437 full" in row
    assert "man_infopro" in page


def test_a_figure_that_is_run_in_its_own_setting_has_a_verdict_and_stands_first(site):
    page = (site / "published.html").read_text()
    assert "1 have a run of the same setting here: 0 reproduced, 1 not.</strong> Reproduced: the two differ" in page
    first = page.split("<tbody")[1].split("</tr>")[0]
    assert ">not reproduced<" in first
    assert ">+7.25<" in first


def test_a_method_tells_how_far_it_is_from_its_authors_code(site):
    page = (site / "method-dgl.html").read_text()
    table = page.split('data-name="fidelity"')[1].split("</table>")[0]
    assert "gradients of &lt;all&gt; layers" in table
    assert ">1.5e-15<" in table
    assert ">not compared<" in table
    assert 'data-name="fidelity"' not in (site / "method-fa.html").read_text()


def test_a_method_can_be_cited(site):
    page = (site / "method-dgl.html").read_text()
    assert "title = {Decoupled greedy learning of CNNs}," in page
    assert "benchmark’s name" not in page
    assert "benchmark’s name" in (site / "method-unheard_of.html").read_text()


def test_every_cell_links_to_its_record(results, site):
    links = [link for link in pages(site)["runs-digits.html"].links if link.startswith("runs/")]
    cells = pd.read_csv(results / "cells" / "digits.csv")
    assert len(links) == len(cells)
    for link in links:
        assert (site / link).read_bytes() == (results / link).read_bytes()


def test_a_link_among_the_records_is_not_followed(hostile):
    assert list(hostile.rglob("*.json"))
    assert not list(hostile.rglob("secret.json"))


def test_a_text_in_the_csv_is_no_formula(results, hostile):
    board, found = (
        pd.read_csv(folder / "leaderboard.csv", dtype=str, keep_default_na=False) for folder in (results, hostile)
    )
    assert found.loc[0, list(FORMULAS)].tolist() == [f"'{text}" for text in FORMULAS.values()]
    numbers = ["test_top1_pct", "vs_e2ebp_pct", "rank_low", "modules", "auxiliary_parameters"]
    assert found[numbers].equals(board[numbers])
    assert found["vs_e2ebp_pct"].str.startswith("-").any()


def test_the_same_results_give_the_same_bytes(results, site, tmp_path):
    export(results, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(site)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_tables_that_are_missing_leave_their_pages_empty(tmp_path):
    results = write_results(tmp_path / "results")
    for name in (
        "fidelity.csv",
        "claims.csv",
        "claim_cases.csv",
        "reproductions.csv",
        "ranking.csv",
        "curves.csv",
        "suites.json",
        "plans/cifar10.csv",
        "cells/digits.csv",
        "fit.csv",
    ):
        (results / name).unlink()
    for path in (results / "methods").iterdir():
        path.unlink()
    export(results, tmp_path / "site")
    assert 'data-name="rows"' in (tmp_path / "site" / "index.html").read_text()
    assert "There are no verdicts on claims" in (tmp_path / "site" / "claims.html").read_text()
    assert "no published figures" in (tmp_path / "site" / "published.html").read_text()


def test_modules_say_what_becomes_of_each_family(site):
    page = (site / "modules.html").read_text()
    assert "weakly modular (1 method): " in page
    assert 'data-name="families"' in page


def test_what_fits_stands_in_the_page_without_a_script(site):
    assert "Not simulated on it yet, or not for it: " in (site / "fit.html").read_text()
    table = (site / "fit.html").read_text().split('data-name="fit"')[1].split("</table>")[0]
    rows = [re.sub(r"<[^>]*>", " ", row.partition(">")[2]).split() for row in table.split("<tr")[2:]]
    assert [" ".join(row) for row in rows] == [
        "Gradient checkpointing the bar fits 4 3.20 3.9–4.2 1.00 128+ 1.30 – 0: exactly backpropagation 0 "
        "resnet18, 224 px",
        "InfoPro b fits 4 4.80 5.5–5.8 1.50 128+ 2.00 – -11.00 (digits) 7 resnet18, 224 px",
        "End-to-end backpropagation the twin may fit 1 6.80 7.5–8.2 2.12 125 1.00 – – 0 resnet18, 224 px",
    ]


def test_without_results_it_says_so_and_writes_nothing(tmp_path):
    with pytest.raises(UserError, match="no results"):
        export(tmp_path, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_an_earlier_export_is_replaced_and_other_folders_are_not(tmp_path):
    site = tmp_path / "site"
    write_folder({"old.html": b""}, site)
    write_folder({"new.html": b""}, site)
    assert {path.name for path in site.iterdir()} == {"new.html", MARK, ".nojekyll"}
    (site / MARK).unlink()
    with pytest.raises(UserError, match="did not write"):
        write_folder({"newer.html": b""}, site)
    assert (site / "new.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_failed_write_leaves_the_earlier_export(tmp_path):
    site = tmp_path / "site"
    write_folder({"old.html": b""}, site)
    with pytest.raises(FileExistsError):
        write_folder({"new.html": b"", "new.html/below.html": b""}, site)
    assert (site / "old.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
