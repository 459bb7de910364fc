"""What a cell says of methods that cheat at test time: no accuracy, and a sentence."""

import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from workshop import changed, workshop, write_suites

from benchmark.engine.load import load_dataset
from benchmark.engine.measuring import examiner
from benchmark.engine.pictures.data import Splits, load_splits
from benchmark.running.cell import run_cell
from benchmark.schema.suite import cells, load_suite

__all__ = ["workshop"]


def class_by_class() -> Splits:
    """Digits whose test split lies class by class, as folders of JPEGs do."""
    splits = load_splits(load_dataset("digits"), Path("data"), 0.1, 300)
    test = splits.test.at(splits.test.labels.argsort(stable=True))
    return Splits(splits.train, splits.validation, test, splits.source, splits.fingerprint)


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("knows_the_order", "failed", "The prediction for a picture hangs on more than the picture: "),
        ("batch_statistics", "failed", "The prediction for a picture hangs on more than the picture: "),
        ("honest_when_watched", "failed", "The prediction for a picture hangs on more than the picture: "),
        ("no_numbers", "diverged", "pictures are not finite."),
    ],
)
def test_a_cheat_gets_no_accuracy(workshop, name, status, sentence):
    write_suites(workshop, changed(limit=300))
    shutil.copy(ROOT / "tests" / "hostile" / f"{name}.py", workshop / "methods")
    suite = load_suite("tiny")
    record = run_cell(lambda done: None, cells("tiny", suite, name)[0], suite, "", class_by_class())
    assert (record.status, record.accuracy) == (status, None), record.error
    assert sentence in record.error


def test_an_honest_method_passes_where_the_first_step_is_tried(workshop, monkeypatch):
    monkeypatch.setattr(examiner, "draw_starts", lambda steps, parts: [0])
    suite = load_suite("tiny")
    record = run_cell(lambda done: None, cells("tiny", suite, "greedy_sl")[0], suite, "")
    assert (record.status, record.error) == ("ok", None)
