"""The pages beside the leaderboard: trade-offs, modules, curves, published figures, methods, runs, submission."""

import json
import shutil

import pandas as pd
import pytest
from records import make_record, write_own_tables, write_runs
from shown import DASHBOARD, TOP, charts_of, html_of, marks, opened, rows_of, texts, write_results
from streamlit.testing.v1 import AppTest

from benchmark.display import comparing
from benchmark.display.axes import LEAST, UP, accuracy_domain, in_pixels
from benchmark.display.charts import by_modules, learning_curves, on_front, trade_off
from benchmark.display.citation import bibtex, published_title
from benchmark.display.labels import LETTER, LINE, PHONE, place_labels
from benchmark.display.reading import read_board, results_folder
from benchmark.tables.people import person
from benchmark.tables.trust import FAILED, OTHERS, STANDINGS
from benchmark.tables.verification import Verification

pytestmark = pytest.mark.usefixtures("dashboard_on_path")


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    return write_results(tmp_path)


def test_the_app_opens_on_the_leaderboard(results):
    app = AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=240).run()
    assert not app.exception
    assert app.title[0].value == "Beyond Backprop"


def test_a_table_in_the_middle_of_a_merge_is_said_and_no_traceback(results):
    (results / "leaderboard.csv").write_text("<<<<<<< HEAD\n")
    app = AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=240).run()
    assert not app.exception
    assert "in the middle of a merge" in app.error[0].value


@pytest.mark.parametrize("cost", ["memory", "time"])
def test_trade_offs_show_points_front_and_references(results, cost):
    app = opened("trade_offs", method="modular_kernel", cost=cost)
    chart = charts_of(app)[0]
    assert {"point", "rule", "line", "text"} <= marks(chart)
    assert chart["autosize"]["type"] == "fit-x"  # a legend takes nothing from the plot's height, as names are placed by
    assert set(rows_of(app)[0]["method"].dropna()) == {"e2ebp", "modular_kernel"}


def test_what_fits_follows_network_batch_and_card(results):
    assert "python scripts/fit_table.py" in texts(opened("fit"))
    shutil.copy(TOP / "results" / "fit.csv", results_folder())
    small = opened("fit", network="resnet18, 224 px", batch="128", card="4", k="4")
    table = small.dataframe[0].value
    assert set(table["modules"]) == {1, 4}
    assert table["simulated"].is_monotonic_increasing
    assert "The bar, gradient checkpointing at K" in texts(small).replace("\\", "")
    assert {"rule", "line", "point", "text"} <= marks(charts_of(small)[0])
    large = opened("fit", network="resnet18, 224 px", batch="128", card="80", k="4").dataframe[0].value
    fitting = [sum(word == ["fits"] for word in rows["fits"].map(list)) for rows in (table, large)]
    assert 0 < fitting[0] < fitting[1] == len(large)
    asked = opened("fit", family="strictly modular").dataframe[0].value
    assert {"e2ebp (the twin)", "gradient_checkpointing (the bar)"} < set(asked["name"])
    assert {family[0] for family in asked["family"]} == {"end-to-end", "strictly modular"}


def test_traits_choose_the_rows_of_a_track(results):
    path = results / "labels.csv"
    path.write_text(path.read_text().replace("untrained", "modular_kernel"))  # whose family the board knows
    app = opened("tracks", track="labels", family="strictly modular")
    assert set(app.dataframe[0].value["method"]) == {"modular_kernel"}
    assert "family" not in app.dataframe[0].value


def test_two_rows_stand_side_by_side(results):
    app = opened("compare", a="dgl, K = 4, shared", b="dgl, K = 2, shared")
    assert "-2.00 ± 0.00 points, mean of 3 seeds" in texts(app).replace("\\", "")
    assert list(app.dataframe[0].value["difference"]) == [-2, -2, -2]
    table = app.table[0].value.set_index("Of each")
    assert list(table.loc["Peak memory, MB \\(simulated\\)"]) == ["25\\.0", "50\\.0", "0\\.50"]
    assert set(rows_of(app)[0]["run"].dropna()) == {"A: dgl, K = 4, shared", "B: dgl, K = 2, shared"}
    assert comparing.SAME_FILE in texts(app)
    assert opened("compare", a="dgl, K = 4, shared").selectbox(key="b").value == "e2ebp, K = 1, shared"


def test_picked_points_show_their_rows_and_a_link_carries_them(results):
    picked = opened("trade_offs", picked="dgl, K = 4").dataframe[0].value
    assert list(picked[["label", "modules"]].itertuples(index=False, name=None)) == [("dgl", 4)]


def test_the_front_holds_what_nothing_beats():
    points = pd.DataFrame({"x": [0.5, 0.6, 1.0, 1.0, 2.0], "y": [80, 79, 90, 85, 90]}).assign(comparable=True)
    assert list(on_front(points)) == [True, False, True, False, False]
    assert list(on_front(points.assign(comparable=[True, True, False, True, True]))) == [True, False, False, True, True]


def test_no_axis_of_accuracy_is_so_short_that_a_point_fills_it():
    for values in ([90.0, 91, 92], [99.5, 99.9], [0.2], [40.0, 97, 99]):
        low, high = accuracy_domain(pd.Series(values))
        assert 0 <= low < min(values)
        assert max(values) < high <= 100
        assert high - low >= LEAST - 1e-9


def test_labels_do_not_lie_on_each_other_and_those_that_must_stand_do():
    points = pd.DataFrame({"px": [110, 111, 550, 990], "py": [400, 399, 300, 60], "label": list("abcd")})
    assert len(place_labels(points)) == 4
    crowd = pd.DataFrame({"px": [40] * 20 + [900], "py": [450] * 20 + [50], "label": [f"name {i}" for i in range(21)]})
    assert len(place_labels(crowd)) < 21  # a name without a free place is left out
    placed = place_labels(crowd.assign(must=True))
    assert len(placed) == 21
    assert placed["far"].any()
    spots = placed.loc[placed["px"] == 40, ["dx", "dy", "align"]]
    assert len(spots.drop_duplicates()) == 20
    assert place_labels(points.iloc[:0]).empty


def test_on_a_phone_long_names_find_places_within_the_plot():
    names = [f"block_coordinate_descent, K = {k}" for k in range(10, 22)]
    crowd = pd.DataFrame({"px": [40 + 15 * i for i in range(12)], "py": [60 + i % 3 for i in range(12)]})
    placed = place_labels(crowd.assign(label=names, must=True), PHONE)
    width, end = len(names[0]) * LETTER, placed["px"] + placed["dx"]
    left = end - (placed["align"].map({"left": 0, "center": 0.5, "right": 1}) * width)
    assert left.between(-1, PHONE.width - width + 1).all()
    assert (placed["py"] + placed["dy"]).sort_values().diff().min() >= LINE  # two do not stand beside each other


def test_names_are_placed_by_the_pixels_that_the_axes_have():
    assert list(in_pixels(pd.Series([0.0, 5, 10]), (0, 10), 500, UP)) == [UP, 250, 500 - UP]
    assert list(in_pixels(pd.Series([3.0]), (3, 3), 500, UP)) == [UP]


def test_every_point_of_the_front_is_named_with_its_k(results):
    app = opened("trade_offs")
    rows = rows_of(app)[0]
    front = rows[rows["front"].fillna(False).astype(bool) & (rows["method"] != "e2ebp")].drop_duplicates("label")
    names = set(rows["label"].dropna())
    assert len(front) > 0
    assert {f"{row.label}, K = {row.modules:.0f}" for row in front.itertuples()} <= names


def test_modules_show_a_line_a_method_and_the_twin(results):
    app = opened("modules", method="dgl")
    assert len(charts_of(app)) == 2
    assert {"line", "area", "rule", "point"} <= marks(charts_of(app)[0])
    assert set(rows_of(app)[0]["method"]) == {"dgl", "e2ebp"}
    assert "weakly modular (1 method): −2.0 at K = 2" in texts(app)
    assert list(app.dataframe[0].value["methods"]) == [1]


def test_curves_come_from_the_records_of_picked_runs(results):
    app = opened("curves", row="dgl, K = 4", seed="1")
    accuracy, losses = (rows[rows["measure"].notna()] for rows in rows_of(app))
    assert set(accuracy["run"]) == {"dgl, K = 4, seed 1"}
    record = json.loads((results / "runs/cifar10/dgl/cifar_resnet32-k4-s1.json").read_text())["accuracy"]["curve"]
    assert list(losses["value"]) == [epoch["losses"][0] for epoch in record]
    assert list(accuracy["value"]) == [e["validation_top1"] for e in record if e["validation_top1"]]


def test_a_run_that_did_not_end_has_no_curve(results):
    assert "No run with a curve" in opened("curves", row="fa, K = 4").warning[0].value


def test_curves_mark_where_a_phase_begins():
    long = pd.DataFrame({"run": "a", "epoch": [1, 2, 3], "measure": "loss 1", "value": [3.0, 2.0, 1.0]})
    assert "rule" not in marks(learning_curves(long).to_dict())
    assert "rule" in marks(learning_curves(long.assign(phase=[0, 0, 1])).to_dict())


def test_charts_bear_no_rows(results):
    board = read_board(results)
    none = board.iloc[:0]
    for chart in (trade_off(none, none, "memory_ratio"), by_modules(none, "test_top1_pct")):
        assert chart.to_dict()


def test_claims_stand_with_their_verdicts_and_lead_to_the_rows(results):
    app = opened("claims")
    assert "Of 3 claims, 1 are supported, 1 are contradicted, 0 are not distinguishable" in texts(app)
    page = html_of(app)
    assert page.index('id="matches"') < page.index('id="saves"') < page.index('id="unseen"')
    assert 'href="compare?suite=cifar10&amp;backbone=cifar_resnet32&amp;a=dgl%2C+K+%3D+4%2C+shared' in page
    assert 'href="./?suite=cifar10&amp;backbone=cifar_resnet32&amp;recipe=shared"' in page
    chosen = html_of(opened("claims", verdict="contradicted"))
    assert 'id="matches"' in chosen
    assert 'id="saves"' not in chosen


def test_papers_figures_stand_beside_ours(results):
    app = opened("published", run_here="true")
    shown = app.dataframe[0].value
    assert set(shown["method"]) == {"e2ebp", "dgl"}
    assert shown["ours"].notna().all()
    everything = opened("published").dataframe[0].value
    assert len(everything) == len(pd.read_csv(results / "reproductions.csv"))
    assert everything["difference"].isna().any()  # nobody has run it here: an empty cell
    assert set(opened("published", dataset="STL-10").dataframe[0].value["dataset"]) == {"STL-10"}


def test_a_figure_that_is_run_in_its_own_setting_has_a_verdict_and_stands_first(results):
    paper = {"suite": "papers_small_mlp_mnist", "dataset": "mnist", "backbone": "local_loss_mlp", "recipe": "paper"}
    write_runs(results / "runs", make_record("e2ebp", 1, 0, 99.2, **paper))
    write_own_tables(results)
    app = opened("published")
    assert "1 have a run of the same setting here: 1 reproduced, 0 not." in texts(app)
    assert "Reproduced: the two differ by no more than" in texts(app)
    first = app.dataframe[0].value.iloc[0]
    assert first[["verdict", "published", "ours"]].tolist() == ["reproduced", 0.75, 0.8]


def test_a_method_has_its_text_results_settings_citation_and_file(results):
    said = json.loads((results / "methods/dgl.json").read_text())
    said["files"] = {"a" * 64: {"commit": "c0ffee" * 6, "source": "x = 1"}, "b" * 64: {"commit": "d", "source": "y"}}
    said["files"]["a" * 64]["edition_of"] = "b" * 64
    (results / "methods/dgl.json").write_text(json.dumps(said | {"defaults": {"width": 7}}))
    app = opened("method", method="dgl", file="a" * 12)
    codes = " ".join(code.value for code in app.code)
    assert app.title[0].value == "Decoupled greedy learning"
    assert set(app.dataframe[0].value["suite"]) == {"cifar10", "digits"}
    assert app.dataframe[-1].value["deviation"].tolist() == ["1.5e-15", "not compared"]
    assert all(
        text in codes
        for text in (
            "mlp-sr",
            '"width": 7',
            "@inproceedings{dgl",
            "author = {Eugene Belilovsky and",
            "year = {2020}",
            "x = 1",
        )
    )
    assert "c0ffee" in texts(app)
    assert f"Docstrings, comments and layout apart, it is {'b' * 12}" in texts(app)


def test_a_method_that_nobody_ran_says_so_and_shows_what_is_planned_and_published(results):
    app = opened("method", method="infopro")
    assert "Nobody has run" in app.info[0].value
    planned, published = (table.value for table in app.dataframe)
    assert planned["peak_ratio"].item() == 0.41
    assert {"infopro_softmax", "infopro_contrast", "infopro_balanced"} <= set(published["method"])


def test_a_citation_has_the_publications_title_and_all_of_its_authors():
    said = {"title": "Ours", "authors": "A, B & de C; D et al.", "year": 2015, "paper": "https://a.org"}
    assert "title = {Ours}" in bibtex("m", said)
    assert "author = {A and B and de C and D and others}" in bibtex("m", said)
    said["doc"] = 'Ours: "quoted".\n\nA, B & de C, "A title of\ntwo lines", 2015. D et al., "Another", 2020.'
    assert "title = {A title of two lines}" in bibtex("m", said)
    assert "author = {A and B and de C}," in bibtex("m", said)
    said["citation"] = {"author": "Ada A and Bo B", "journal": "J"}
    assert bibtex("m", said).startswith("@article{m,\n  author = {Ada A and Bo B},\n  title = {A title of two lines},")
    assert bibtex("m}", {"authors": "}\\x{", "title": "\n"}).count("}") == 3


@pytest.mark.parametrize(
    ("authors", "title"),
    [("Ada & Bo", "On nets"), ("Ada & Bo; Cy", "On nets"), ("Ada et al.", ""), ("Cy", "Of old"), ("", "")],
)
def test_a_title_is_cited_where_it_stands_after_the_authors(authors, title):
    said = {"authors": authors, "doc": 'Extends Cy, "Of old", 1999.\n\nAda & Bo, "On\nnets", 2020.'}
    assert published_title(said) == title


@pytest.mark.parametrize("page", ["curves", "method", "runs", "leaderboard"])
def test_tables_of_cells_that_are_missing_are_said_to_be(results, page):
    shutil.rmtree(results / "cells")
    said = json.loads((results / "methods/dgl.json").read_text())
    said["files"] = {"a" * 64: {"commit": "c0ffee" * 6, "source": "x = 1"}}
    (results / "methods/dgl.json").write_text(json.dumps(said))
    app = opened(page, **({"method": "dgl"} if page == "method" else {}))
    if page != "leaderboard":
        assert "beyond table" in texts(app)


def test_runs_list_every_cell_with_its_error(results):
    runs = opened("runs").dataframe[0].value
    assert len(runs) == 13
    assert "variant" not in runs  # none has one
    failed = opened("runs", status="diverged").dataframe[0].value
    assert "became nan" in failed["error"].item()


def test_a_link_to_a_run_shows_its_whole_record(results):
    run = "runs/cifar10/fa/cifar_resnet32-k4-s0.json"
    app = opened("runs", run=run)
    assert json.loads(app.json[0].value) == json.loads((results / run).read_text())


@pytest.mark.parametrize("run", ["../secret.json", "runs/../../secret.json", "/etc/hostname"])
def test_no_file_but_a_record_is_opened(results, run):
    (results.parent / "secret.json").write_text('{"secret": 1}')
    app = opened("runs", run=run)
    assert not app.json
    assert "a run that is not here" in app.warning[0].value


def test_submit_names_the_commands_and_shows_the_file_that_beyond_new_writes(results):
    codes = " ".join(code.value for code in opened("submit").code)
    for command in ("beyond new", "beyond check", "beyond register", "dvc repro digits@my_method", "beyond verify"):
        assert command in codes
    assert "def local_loss" in codes


def test_green_is_for_what_somebody_else_ran_and_no_page_has_seconds_of_the_training():
    import columns_shown as shown

    hues = shown.VERIFIED
    assert {said for said, hue in hues.items() if hue == shown.GOOD} == {OTHERS}
    assert {said for said, hue in hues.items() if hue == shown.BAD} == {FAILED}
    assert set(STANDINGS) < set(hues)
    for columns in (shown.LEADERBOARD, shown.CELLS, shown.TUNING, shown.TRIALS):
        assert not [name for name in columns if "seconds" in name]


def test_runs_say_who_trained_a_cell_again(tmp_path, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    record = make_record("dgl", 2, 0, 80.0)
    write_runs(tmp_path / "runs", record)
    ran = {"by": person("Bo <b@x>"), "records_by": [person("Ada <a@x>")], "device": "Other CPU", "git_commit": ""}
    told = {"verdict": "verified", "faults": [], "committed_top1": 80.0, "again_top1": 80.0, "tolerance": 0.5}
    told |= {"protections": [], "started_utc": "", "identity": record.identity, "digest": record.digest}
    path = tmp_path / "verified/digits/dgl/cifar_resnet20-k2-s0.json"
    path.parent.mkdir(parents=True)
    path.write_text(Verification(**told, **ran).model_dump_json())
    write_own_tables(tmp_path)
    for page in ("runs", "leaderboard"):
        row = opened(page).dataframe[0].value.iloc[0]
        assert (row["rerun_by"], row["rerun_on"], row["isolation"]) == ("Bo", "Other CPU", "held"), page
