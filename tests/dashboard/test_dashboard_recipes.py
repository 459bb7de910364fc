"""The dashboard over a suite that is tuned: what leads, the gaps at equal compute, and the searches."""

import pandas as pd
import pytest
from recipes import write_tuned_results
from shown import charts_of, marks, opened, rows_of, texts

from benchmark.tables.ranking import MEASURE

pytestmark = pytest.mark.usefixtures("dashboard_on_path")


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    return write_tuned_results(tmp_path)


def board_of(app):
    return app.dataframe[0].value


def test_the_board_leads_with_the_tuned_rows_and_the_shared_ones_can_be_chosen(results):
    app = opened()
    assert app.selectbox(key="recipe").options == ["tuned", "shared"]
    board = board_of(app)
    assert list(board["label"]) == ["e2ebp", "dgl", "dgl", "trgl", "trgl", "fa", "fa"]  # and no reference
    assert set(board["unranked"]) == {MEASURE, "2 seeds, and a rank needs 3"}
    assert "best of equally many tries" in texts(app)
    shared = opened(recipe="shared")
    assert list(board_of(shared)["test_top1_pct"]) == [90.5, 83.5, 81.5, 58.5, 56.5, 38.5, 36.5]
    assert set(board_of(shared)["unranked"]) == {"ranks are of another recipe"}
    assert "suite's recipe" in texts(shared)


def test_the_board_shows_epochs_and_gaps_at_equal_compute(results):
    board = board_of(opened()).set_index(["label", "modules"])
    assert board.loc[("dgl", 4), ["epochs", "vs_e2ebp_pct", "equal_epochs_pct"]].tolist() == [8, -5.0, -7.0]
    assert board.loc[("dgl", 2), "equal_flops_pct"] == -4.17  # at 0.6 TFLOP: 94 + 2 * log(1.5) / log(2)
    assert pd.isna(board.loc[("e2ebp", 1), "equal_flops_pct"])


def test_what_tuning_changed_stands_below_the_board(results):
    changed = next(table.value for table in opened().dataframe if "tuned_pct" in table.value)
    assert list(changed["method"]) == ["dgl", "dgl", "trgl", "trgl"]
    assert changed["difference_pct"].tolist() == [33.0, 33.0, 1.0, 1.0]


def test_accuracy_stands_against_compute_with_the_reference_curve(results):
    app = opened("trade_offs", cost="FLOPs")
    rows = rows_of(app)[0]
    assert "line" in marks(charts_of(app)[0])
    assert rows["length"].dropna().tolist() == [f"e2ebp, {times} × epochs" for times in ("0.5", "1", "2", "4")]
    curve = app.dataframe[0].value
    assert curve["train_tflops"].tolist() == [0.2, 0.4, 0.8, 1.6]
    assert curve["test_top1_pct"].tolist() == [91.5, 94.5, 96.5, 97.5]
    assert opened("trade_offs", cost="FLOPs", recipe="shared").dataframe.len == 0  # it has one length
    assert "length" not in rows_of(opened("trade_offs"))[0].dropna(axis=1, how="all")


@pytest.mark.parametrize("page", ["trade_offs", "modules", "curves"])
def test_charts_hold_one_recipe_and_no_reference(results, page):
    names = {"trade_offs": "accuracy", "modules": "accuracy", "curves": "run"}
    for recipe, twin in (("tuned", "94.50"), ("shared", "90.50")):
        app = opened(page, recipe=recipe)
        rows = pd.concat(rows_of(app)).dropna(subset=[names[page]])
        if page == "curves":
            assert rows.loc[rows["run"].str.startswith("e2ebp"), "epoch"].max() == 4
        else:
            assert {text.split(" ")[0] for text in rows.loc[rows["method"] == "e2ebp", "accuracy"]} == {twin}


def test_a_methods_page_shows_every_trial_and_what_was_chosen(results):
    app = opened("method", method="dgl")
    board, trials, changed = (table.value for table in app.dataframe[:3])
    assert set(board["recipe"]) == {"shared", "tuned"}
    assert len(trials) == 6
    assert trials.loc[trials["chosen"] == "chosen", "lr"].tolist() == [0.003] * 2
    assert trials["status"].tolist().count("diverged") == 1
    assert set(trials["options"]) == {"", "tau 2.5"}
    assert changed["tuned_pct"].tolist() == [91.5, 89.5]
    shown = rows_of(app)[0]
    assert shown["y"].max() == 95.0  # that which was added, and is not chosen
    assert {"point"} == marks(charts_of(app)[0])


def test_a_method_without_a_search_has_no_such_part(results):
    assert "Search for its recipe" not in texts(opened("method", method="fa"))


def test_the_twins_page_has_its_references(results):
    board = opened("method", method="e2ebp").dataframe[0].value
    assert sorted(board["times"].dropna()) == [0.5, 2.0, 4.0]


def test_runs_can_be_told_apart_by_recipe(results):
    runs = opened("runs", recipe="tuned", method="e2ebp").dataframe[0].value
    assert len(runs) == 8
    app = opened("runs", run="runs/digits/e2ebp/cifar_resnet20-k1-s1-tuned-x0.5.json")
    assert '"times": 0.5' in app.json[0].value.replace('"times":0.5', '"times": 0.5')


def test_without_the_tables_of_tuning_the_trials_are_still_shown(results):
    (results / "tuning.csv").unlink()
    (results / "suites.json").unlink()
    app = opened("method", method="dgl")
    trials = app.dataframe[1].value
    assert len(trials) == 6
    assert "chosen" not in trials
    assert "tuned_pct" not in opened().dataframe[0].value
