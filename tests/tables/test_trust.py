"""Who trained a row's cells again: only somebody else makes it green, and nobody does so by saying nothing."""

import pandas as pd
import pytest
from records import make_record, write_runs

from benchmark.export.columns import leaderboard as exported
from benchmark.schema.record import read_part
from benchmark.tables.board import leaderboard
from benchmark.tables.cells import load, published
from benchmark.tables.columns import COLUMNS
from benchmark.tables.people import person, somebody_else
from benchmark.tables.trust import AUTHORS, ELSEWHERE, FAILED, NEVER, OLDER, OTHERS, STANDINGS, joint
from benchmark.tables.verification import Verification

ADA, BO = "Ada <ada@example.org>", "Bo <bo@example.org>"
TOLD = {"verdict": "verified", "committed_top1": 80.0, "again_top1": 80.0, "tolerance": 0.5, "protections": []}
TOLD |= {"faults": [], "git_commit": "0" * 40, "device": "Testing CPU", "started_utc": "2026-01-01T00:00:00Z"}


def told(folder, record, by=None, records_by=None, **changes):
    """Write the outcome of a record."""
    people = {"by": by and person(by), "records_by": records_by and [person(one) for one in records_by]}
    about = {"identity": record.identity, "digest": record.digest}
    outcome = Verification(**(TOLD | about | people | changes))
    path = folder / "verified" / "digits" / record.identity.method / f"{record.identity.file_stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(outcome.model_dump_json())
    return path


def shown(folder, record):
    """The row of the leaderboard that the record makes."""
    return leaderboard(load(write_runs(folder / "runs", record))).iloc[0]


@pytest.mark.parametrize(
    ("outcome", "standing"),
    [
        ({}, AUTHORS),
        ({"device": "Other CPU"}, ELSEWHERE),
        ({"device": ""}, AUTHORS),
        ({"by": ADA, "records_by": [ADA]}, AUTHORS),
        ({"by": ADA, "records_by": [BO, ADA], "device": "Other CPU"}, ELSEWHERE),
        ({"by": BO, "records_by": [ADA]}, OTHERS),
        ({"by": BO, "records_by": [ADA], "device": "Other CPU"}, OTHERS),
        ({"by": BO}, AUTHORS),
        ({"records_by": [ADA]}, AUTHORS),
        ({"by": BO, "records_by": [ADA], "digest": "of another file"}, OLDER),
        ({"by": BO, "records_by": [ADA], "verdict": "failed"}, FAILED),
        ({"by": BO, "records_by": [ADA], "verdict": "failed", "digest": "of another file"}, OLDER),
    ],
)
def test_each_standing(tmp_path, outcome, standing):
    record = make_record("dgl", 2, 0, 80.0)
    told(tmp_path, record, **outcome)
    assert shown(tmp_path, record)["verification"] == standing


def test_nobody_has_tried_and_an_edited_record_is_not_what_was_tried(tmp_path):
    record = make_record("dgl", 2, 0, 80.0)
    assert shown(tmp_path, record)["verification"] == NEVER
    told(tmp_path, record, BO, [ADA])
    path = tmp_path / "runs" / "digits" / "dgl" / "cifar_resnet20-k2-s0.json"
    path.write_text(path.read_text().replace('"test_top1": 80.0', '"test_top1": 99.0'))
    (cell,) = load(tmp_path / "runs").to_dict("records")
    assert (cell["verification"], cell["rerun_by"], cell["rerun_on"]) == (OLDER, None, None)


def test_an_older_protocol_is_an_older_file(tmp_path):
    told(tmp_path, make_record("dgl", 2, 0, 80.0))
    assert shown(tmp_path, make_record("dgl", 2, 0, 80.0, protocol=2))["verification"] == OLDER


def test_names_and_machines_stand_beside_it_and_no_address_does(tmp_path):
    record = make_record("dgl", 2, 0, 80.0)
    path = told(tmp_path, record, "Bo\x1b[31m <bo@example.org>", [ADA], device="Other CPU")
    row = shown(tmp_path, record)
    assert (row["rerun_by"], row["rerun_on"]) == ("Bo [31m", "Other CPU")
    assert "example.org" not in path.read_text()
    assert "rerun_by" in published(load(tmp_path / "runs"))


def test_outcomes_of_before_are_read_and_written_as_they_were(tmp_path):
    path = told(tmp_path, make_record("dgl", 2, 0, 80.0))
    assert not {"by", "records_by"} & set(pd.read_json(path, typ="series").index)
    assert read_part(path, Verification).model_dump_json() == path.read_text()


@pytest.mark.parametrize(
    ("by", "same"),
    [
        ("Ada <other@example.org>", True),
        ("ADA <>", True),
        ("Somebody <Ada@Example.org>", True),
        ("Somebody <>", False),
        ("Somebody <else@example.org>", False),
    ],
)
def test_the_same_name_or_address_is_the_same_person(by, same):
    assert somebody_else(person(by), [person(BO), person(ADA)]) is not same


def test_two_without_an_address_are_told_by_their_names():
    assert somebody_else(person("Bo <>"), [person("Ada <>")])
    assert not somebody_else(None, [person(ADA)])
    assert not somebody_else(person(BO), [])


def test_a_row_stands_as_the_best_of_its_cells_unless_one_failed():
    for i, standing in enumerate(STANDINGS):
        assert joint([*STANDINGS[:i], standing, NEVER]) == standing
    assert joint([OTHERS, FAILED, NEVER]) == FAILED


def test_green_is_for_somebody_else_alone_and_red_for_failed():
    (column,) = (column for column in exported() if column.label == "Verification")
    classes = {said: column.show({"verification": said}) for said in (*STANDINGS, FAILED)}
    assert {said for said, html in classes.items() if "good" in html} == {OTHERS}
    assert {said for said, html in classes.items() if "bad" in html} == {FAILED}


@pytest.mark.parametrize(("recorded", "shown"), [("verified", "held"), ("leaks", "leaks"), ("not claimed",) * 2])
def test_isolation_held_or_leaks(tmp_path, recorded, shown):
    record = make_record("dgl", 2, 0, 80.0).model_copy(update={"isolation": recorded}).sealed()
    assert load(write_runs(tmp_path / "runs", record))["isolation"].tolist() == [shown]


def test_no_table_has_seconds_of_the_training(tmp_path):
    cells = load(write_runs(tmp_path / "runs", make_record("dgl", 2, 0, 80.0)))
    assert "train_seconds" not in {*cells, *published(cells), *COLUMNS}
