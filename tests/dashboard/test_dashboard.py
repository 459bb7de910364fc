"""The leaderboard's page over generated results: it filters, ranks, says what is missing, and links carry views."""

import io
import re
import subprocess
import sys

import pandas as pd
import pytest
import streamlit as st
from records import make_record, write_own_tables, write_runs
from shown import CIFAR, DASHBOARD, PAGES, TOP, html_of, opened, texts, write_results

from benchmark.tables.columns import COLUMNS
from benchmark.tables.ranking import MEASURE

pytestmark = pytest.mark.usefixtures("dashboard_on_path")


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    return write_results(tmp_path)


@pytest.fixture
def csv_files(monkeypatch):
    """By its name: what the browser would get of a file, read."""
    made = {}

    def button(label, data, file_name, **more):
        made[file_name] = lambda: pd.read_csv(io.BytesIO(data()))
        return original(label, data, file_name=file_name, **more)

    original = st.download_button
    monkeypatch.setattr(st, "download_button", button)
    return made


def board_of(app):
    return app.dataframe[0].value


def test_shows_one_setting_with_all_its_rows(results):
    app = opened()
    board = board_of(app)
    assert app.title[0].value == "Beyond Backprop"
    assert list(board["label"]) == ["e2ebp", "dgl", "dgl", "modular_kernel", "fa"]
    assert board.loc[board["label"] == "fa", "status"].item() == "1 of 3 diverged, 2 of 3 not run"
    assert board["curve"].iloc[0][-1] == pytest.approx(91 * (1 - 0.6**4), abs=0.01)
    assert "not GPU memory" in texts(app)
    assert "test split was touched once" in texts(app)


def test_marks_the_best_and_says_why_others_have_no_rank(results):
    board = board_of(opened()).set_index("label")
    assert board.loc["e2ebp", "best"] == ""  # a reference
    assert list(board.loc["dgl", "best"]) == ["★ best", ""]  # paired, K = 4 is 2 points below for every seed
    assert "rank" not in board  # a column that says nothing
    assert board.loc["fa", "unranked"] == "a cell did not end ok"
    assert set(board.loc["dgl", "unranked"]) == {"no other method is ranked there"}
    assert board.loc["modular_kernel", "unranked"] == "not run: cifar_resnet32, K = 2, 2 of 3 seeds"
    assert board.loc["e2ebp", "unranked"] == MEASURE


def test_a_block_a_method_begins_with_the_ranks_that_it_may_have(results):
    noise = (0.3, 1.4, 1.9)  # against dgl's 0, 1, 2: differences 0.3, 0.4, -0.1
    records = [make_record("trgl", k, s, 90 - k + noise[s], **CIFAR) for k in (2, 4) for s in range(3)]
    write_runs(
        results / "runs", *records, *(make_record("man", k, s, 60 + s, **CIFAR) for k in (2, 4) for s in (0, 1, 2))
    )
    write_own_tables(results, TOP / "methods")
    board = board_of(opened())
    assert list(board["label"])[:7] == ["e2ebp", "trgl", "trgl", "dgl", "dgl", "man", "man"]
    assert list(board["rank"])[:7] == ["", "1–2", "1–2", "1–2", "1–2", "3", "3"]
    assert list(board["modules"])[:7] == [1, 2, 4, 2, 4, 2, 4]
    four = board_of(opened(modules="4"))
    assert list(four["rank"])[:3] == ["1–2", "1–2", "3"]  # also where the first K is filtered out


def write_complete(folder):
    """Two comparisons that are complete: in both, dgl is above trgl; fa diverged in one."""
    for suite in ("one", "two"):
        records = [make_record(m, 2, s, a + s, suite=suite) for m, a in (("dgl", 90), ("trgl", 80)) for s in range(3)]
        records += [
            make_record("fa", 2, s, 70.0, status="ok" if suite == "one" else "diverged", suite=suite) for s in (0, 1, 2)
        ]
        write_runs(folder / "runs", *records)
    write_own_tables(folder, TOP / "methods")


def test_overall_ranks_say_what_is_missing(tmp_path, monkeypatch):
    write_complete(tmp_path)
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    ranks = board_of(opened(suite="overall")).set_index("method")
    assert ranks["rank"].to_dict() == {"dgl": "1", "trgl": "2", "fa": ""}
    assert ranks.loc["fa", "missing"] == "not ranked in two"
    assert ranks["rank in one"].to_dict() == {"dgl": "1", "trgl": "2", "fa": "3"}


def test_a_smoke_test_has_no_headline_and_says_what_it_is(results):
    board = pd.read_csv(results / "leaderboard.csv")
    assert "bb-card" in html_of(opened(suite="cifar10"))
    board.assign(role="smoke test").to_csv(results / "leaderboard.csv", index=False)
    app = opened(suite="cifar10")
    assert 'class="bb-card"' not in html_of(app)
    assert "A smoke test: it says whether a method runs and learns." in texts(app)


def test_a_suite_of_one_seed_says_that_it_has_no_intervals(results):
    assert "One seed per row" in texts(opened(suite="digits"))
    assert "One seed per row" not in texts(opened())


def test_filters_narrow_the_table(results):
    app = opened()
    app.multiselect(key="method").select("dgl").run()
    assert list(board_of(app)["modules"]) == [2, 4]
    app.multiselect(key="modules").select(4).run()
    assert list(board_of(app)["modules"]) == [4]
    app.multiselect(key="method").unselect("dgl").run()
    assert set(board_of(app)["label"]) == {"dgl", "fa"}
    app.multiselect(key="modules").unselect(4).run()
    app.multiselect(key="family").select("strictly modular").run()
    assert list(board_of(app)["label"]) == ["modular_kernel"]


def test_a_link_carries_its_filters(results):
    board = board_of(opened(suite="cifar10", method="dgl", modules="2"))
    assert list(board[["label", "modules"]].itertuples(index=False, name=None)) == [("dgl", 2)]


def test_suite_and_backbone_choose_the_setting(results):
    assert set(board_of(opened(suite="digits", backbone="vgg8b"))["backbone"]) == {"vgg8b"}
    app = opened(suite="digits", backbone="cifar_resnet32")  # not a backbone of that suite
    assert len(set(board_of(app)["backbone"])) == 1


def test_overall_ranks_want_two_comparisons_that_are_complete(results):
    assert list(opened().selectbox(key="suite").options) == ["cifar10", "digits"]


def test_the_first_lines_say_who_ran_where_and_what_backpropagation_reaches(results):
    app = opened()
    said = html_of(app)
    assert re.search(r"3 of \d+ methods were run there \(1 of them did not finish\), for 4 epochs", said)
    assert "Backpropagation reaches 91.00 ± 2.48 % here" in said
    assert "and up to 92.63 % in the literature (ResNet-32, Wang et al. 2021 (InfoPro, ICLR), table 2)." in said


def test_traits_narrow_rows_and_picture_alike(results):
    app = opened(locks="update, backward", family="strictly modular")
    assert set(board_of(app)["label"]) == {"modular_kernel"}
    picture = html_of(app).split("<tbody")[1:]
    assert len(picture) == 1
    assert "modular_kernel" in picture[0]


def test_a_filter_without_rows_says_so(results):
    app = opened(family="strictly modular", method="dgl")
    assert "No row matches these filters" in app.warning[0].value


def test_the_csv_holds_what_is_filtered_with_all_columns(results, csv_files):
    app = opened(method="dgl")
    assert app.get("download_button")[0].proto.label == "CSV, 2 rows"
    found = csv_files["leaderboard-cifar10-cifar_resnet32.csv"]()
    assert list(found) == list(COLUMNS)
    assert list(found["modules"]) == [2, 4]
    assert list(found["method"]) == ["dgl", "dgl"]


def test_the_csv_of_overall_ranks_holds_those_of_each_suite(tmp_path, monkeypatch, csv_files):
    write_complete(tmp_path)
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    shown = board_of(opened(suite="overall"))
    found = csv_files["overall.csv"]()
    assert {"rank in one", "rank in two", "missing"} <= set(found)
    assert found["rank in one"].astype(str).tolist() == shown["rank in one"].tolist()


def test_a_text_in_a_csv_is_no_formula(results, csv_files):
    board = pd.read_csv(results / "leaderboard.csv")
    board.assign(title="=1+1", requires="@a").to_csv(results / "leaderboard.csv", index=False)
    opened()
    found = csv_files["leaderboard-cifar10-cifar_resnet32.csv"]()
    assert set(found["title"]) == {"'=1+1"}
    assert set(found["requires"]) == {"'@a"}
    assert found["vs_e2ebp_pct"].min() == -5.0


def test_a_row_that_lacks_seeds_is_no_key_figure(results):
    write_runs(results / "runs", make_record("trgl", 4, 0, 99.0, memory=0.1, **CIFAR))
    write_own_tables(results, TOP / "methods")
    app = opened()
    row = board_of(app).set_index("label").loc["trgl"]
    assert row[["status", "best"]].tolist() == ["2 of 3 not run", ""]
    assert "+8.00" not in html_of(app)
    assert "0.10 ×" not in html_of(app)


def test_a_row_of_another_kind_says_what_it_is(results):
    write_runs(results / "runs", *(make_record("dgl", 8, s, 99.0, **CIFAR, protocol=2) for s in range(3)))
    write_own_tables(results, TOP / "methods")
    board = board_of(opened())
    assert list(board["label"])[:4] == ["e2ebp", "dgl", "dgl", "dgl (protocol 2)"]  # last in its block
    assert board.iloc[3][["protocol", "unranked"]].tolist() == [2, "other pictures, stem or protocol"]
    assert "+8.00" not in html_of(opened())


def test_planned_rows_stand_apart_with_predicted_memory_only(results):
    app = opened()
    planned = app.dataframe[-1].value
    assert "Planned, not run" in texts(app)
    assert planned["peak_ratio"].item() == 0.41
    assert not any("top1" in column for column in planned)
    assert "infopro" not in set(board_of(app)["label"])


def test_cut_points_are_listed(results):
    cuts = opened().dataframe[1].value
    assert "layer1 layer2 layer3" in set(cuts["cuts"])


def test_key_figures_leave_out_what_was_not_cut(results):
    write_runs(results / "runs", make_record("dgl", 1, 0, 99.0, **CIFAR))
    write_own_tables(results, TOP / "methods")
    figures = html_of(opened())
    assert all(figure in figures for figure in ("91.00 ± ", "−2.00 ± ", "K = 2: "))
    assert "8.00 ± " not in figures


def test_a_suite_of_failures_only_is_shown(results):
    write_runs(results / "runs", make_record("fa", 2, 0, status="oom", suite="a_first"))
    write_own_tables(results, TOP / "methods")
    assert list(board_of(opened(suite="a_first"))["status"]) == ["1 of 1 oom"]


@pytest.mark.parametrize("page", ["leaderboard", "trade_offs", "modules", "curves", "method", "runs"])
def test_an_empty_folder_says_what_to_do(page, tmp_path, monkeypatch):
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path / "nothing"))
    assert "beyond run digits" in opened(page).info[0].value


def test_tables_without_rows_say_what_to_do(tmp_path, monkeypatch):
    write_own_tables(tmp_path)
    monkeypatch.setenv("BEYOND_RESULTS", str(tmp_path))
    assert "beyond run digits" in opened().info[0].value


def test_a_table_of_another_version_is_an_error_not_a_traceback(results):
    pd.DataFrame({"suite": ["a"]}).to_csv(results / "leaderboard.csv", index=False)
    assert "beyond table" in opened().error[0].value


def test_no_page_imports_torch_or_a_method(results):
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from streamlit.testing.v1 import AppTest\n"
        "for page in sys.argv[3:]:\n"
        "    app = AppTest.from_file(f'{sys.argv[1]}/pages_shown/{page}.py', default_timeout=240)\n"
        "    assert not app.run().exception\n"
        "loaded = [m for m in sys.modules if m in ('torch', 'timm') or m.startswith('beyond_plugin')]\n"
        "sys.exit(' '.join(loaded) or None)"
    )
    subprocess.run([sys.executable, "-c", code, str(DASHBOARD), str(TOP), *PAGES], check=True)
