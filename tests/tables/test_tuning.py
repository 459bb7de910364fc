"""What tuning changed, against what was written into the records."""

import json

import pandas as pd
import pytest
from records import make_record, write_own_tables, write_runs
from searches import make_search, make_trial, some_search, write_searches

from benchmark.errors import UserError
from benchmark.schema.plugins import METHODS
from benchmark.tables.files import write_tables

SUITE = """digits:
  title: for tests
  dataset: digits
  backbones: [{name: cifar_resnet20}]
  modules: [2, 4]
  recipe: {epochs: 4, batch: 64, lr: 0.1, weight_decay: 1.0e-4}
  seeds: {shared: 3, tuned: 3}
  validation: 0.1
"""
T_975 = 4.302653  # Student's t, two degrees of freedom


def tables(tmp_path, records, *searches):
    write_runs(tmp_path / "runs", *records)
    write_searches(tmp_path, *searches)
    (tmp_path / "suites.yaml").write_text(SUITE)
    write_own_tables(tmp_path)
    return pd.read_csv(tmp_path / "tuning.csv").set_index(["method", "modules"])


def both_recipes():
    """By the shared recipe ``dgl`` is last, by the tuned one first."""
    by = {"e2ebp": (90.0, 91.0), "trgl": (85.0, 86.0), "dgl": (60.0, 93.0)}
    return [
        make_record(method, k, s, by[method][recipe is not None] + s * (recipe is not None), recipe=recipe)
        for method in by
        for k in ([1] if method == "e2ebp" else [2, 4])
        for s in range(3)
        for recipe in (None, "tuned")
    ]


def test_accuracies_ranks_and_the_choice_stand_beside_each_other(tmp_path):
    table = tables(tmp_path, both_recipes(), some_search("dgl"), make_search("e2ebp", modules=1))
    assert list(table.index) == [("dgl", 2), ("dgl", 4), ("e2ebp", 1)]
    row = table.loc[("dgl", 4)]
    # 93, 94 and 95 against 60: differences 33, 34 and 35, s = 1
    assert row[["shared_pct", "tuned_pct", "difference_pct", "n_pairs"]].tolist() == [60.0, 94.0, 34.0, 3]
    assert row["difference_half_pct"] == pytest.approx(T_975 / 3**0.5, abs=0.005)
    assert row[["rank_low_shared", "rank_high_shared", "of_shared"]].tolist() == [2, 2, 2]
    assert row[["rank_low_tuned", "rank_high_tuned", "of_tuned"]].tolist() == [1, 1, 2]
    assert row[["origin", "optimizer", "lr", "weight_decay"]].tolist() == ["drawn", "adamw", 0.003, 0.05]
    assert json.loads(row["options"]) == {"tau": 2.5}
    assert row[["trials", "trials_ok", "searched_modules"]].tolist() == [6, 5, 4]


def test_a_configuration_that_leaves_the_recipe_alone_says_the_suites(tmp_path):
    paper = {"origin": "paper", "optimizer": "adam", "momentum": 0.5}
    trials = [make_trial(0, top1, epochs, **paper) for top1, epochs in ((60.0, 1), (80.0, 4))]
    table = tables(tmp_path, both_recipes(), make_search("dgl", *trials))
    row = table.loc[("dgl", 4)]
    assert row[["optimizer", "lr", "weight_decay"]].tolist() == ["adam", 0.1, 1e-4]
    assert json.loads(row["recipe"]) == {"momentum": 0.5}
    assert pd.isna(row["options"])


def test_only_seeds_that_both_finished_are_compared(tmp_path):
    records = [make_record("dgl", 4, s, a) for s, a in ((0, 60.0), (1, 80.0))]
    records += [make_record("dgl", 4, 0, 70.0, recipe="tuned")]
    records += [make_record("dgl", 4, 1, status="diverged", recipe="tuned"), make_record("dgl", 2, 0, 50.0)]
    table = tables(tmp_path, records, some_search("dgl"))
    row = table.loc[("dgl", 4)]
    assert row[["shared_pct", "tuned_pct", "difference_pct", "n_pairs"]].tolist() == [60.0, 70.0, 10.0, 1]
    assert pd.isna(row["difference_half_pct"])
    assert table.loc[("dgl", 2), "n_pairs"] == 0
    assert pd.isna(table.loc[("dgl", 2), "shared_pct"])


def test_options_are_of_the_variant_that_was_searched_alone(tmp_path):
    trials = [make_trial(0, 70.0, 1, origin="shared", options={"beta": 0.5})]
    trials.append(make_trial(0, 72.0, origin="shared", options={"beta": 0.5}))
    records = [make_record("dgl", 4, 0, 60.0, variant=v, recipe="tuned") for v in ("a", "b")]
    table = tables(tmp_path, records, make_search("dgl", *trials, modules=4, variant="a")).reset_index()
    assert table.set_index("variant")["options"].fillna("").to_dict() == {"a": '{"beta": 0.5}', "b": ""}


def test_a_search_without_cells_or_without_an_end_is_a_row(tmp_path):
    open_end = make_search("fa", make_trial(0, 70.0, 1, origin="shared"), modules=1)
    row = tables(tmp_path, both_recipes(), open_end).loc[("fa", 1)]
    assert pd.isna(row[["shared_pct", "rank_low_tuned", "origin", "optimizer"]]).all()
    assert row[["trials", "n_pairs"]].tolist() == [1, 0]


def test_without_searches_there_is_no_table_and_an_old_one_goes(tmp_path):
    tables(tmp_path, both_recipes(), some_search("dgl"))
    (tmp_path / "tuned" / "digits" / "dgl.json").unlink()
    write_own_tables(tmp_path)
    assert not (tmp_path / "tuning.csv").exists()


@pytest.mark.parametrize(
    ("recipe", "options", "count"),
    [({}, {}, 0), ({"lr": 0.1}, {}, 3), ({"weight_decay": 1e-4}, {}, 3), ({}, {"tau": 1.0}, 3), (None, {}, 0)],
)
def test_a_search_that_does_not_choose_what_trained_the_records_is_said(tmp_path, recipe, options, count):
    """Nothing seals a search: where somebody has edited it, its recipe is not set beside accuracies of another one."""
    said = {"optimizer": "adamw", "lr": 3e-3, "weight_decay": 0.05, "momentum": 0.9, "epochs": 4}
    changed = {"recipe": None if recipe is None else said | recipe, "options": {"tau": 2.5, "beta": 1.0} | options}
    records = [make_record("dgl", 4, s, 60.0 + s, recipe=which) for s in range(3) for which in (None, "tuned")]
    records = [r.model_copy(update=changed) if r.identity.recipe else r for r in records]
    assert tables(tmp_path, records, some_search("dgl")).loc[("dgl", 4), "n_pairs"] == 3 - count
    sentences = []
    write_tables(tmp_path, METHODS, tmp_path / "suites.yaml", sentences.append)
    expected = (
        f"{count} tuned records of dgl in digits are not by the recipe that results/tuned/digits/dgl.json chooses"
    )
    assert [s.split(": if")[0] for s in sentences] == [expected] * bool(count)


def test_a_search_in_a_wrong_place_is_one_sentence(tmp_path):
    write_searches(tmp_path, some_search("dgl"))
    path = tmp_path / "tuned" / "digits" / "dgl.json"
    path.rename(path.with_name("fa.json"))
    with pytest.raises(UserError, match="holds the search of dgl in digits"):
        write_own_tables(tmp_path)
    path.with_name("fa.json").write_text("{}")
    with pytest.raises(UserError, match="is no search"):
        write_own_tables(tmp_path)
