"""Hostile methods that claim what is not so: `beyond check` says it in a sentence, and the cell records it."""

import shutil

import pytest
from conftest import ROOT
from workshop import TINY

from benchmark.engine.measuring.isolation import UNREPEATED
from benchmark.running.cell import run_cell
from benchmark.schema.plugins import METHODS
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, Suite
from benchmark.submitting.check.worker import run_checks

HOSTILE = ROOT / "tests" / "hostile"
STEPS = 12  # of a cell: `honest_at_first` cheats in the last eight, so in three of the four that are tried
LEAKS = {
    "backprop_by_grad": "the update of module 0 hangs on the weights of module 1",
    "backprop_by_hand": "the update of module 0 hangs on the weights of module 1",
    "honest_with_eight": "a loss moves modules (0, 1)",
    "honest_at_first": UNREPEATED,
    "one_step_late": "a loss moves modules (0, 1)",
    "gradient_in_a_buffer": "the update of module 0 hangs on the weights of module 1",
    "gradient_in_randomness": "the state of the random generators hangs on the weights of module 1",
}
BETWEEN_STEPS = {
    "trains_in_predict": "Predicting moves weights or buffers",
    "trains_between_phases": "Weights or buffers move between training steps",
}
METERS = {
    "sees_fake_flops": "FLOPs, its simulation",
    "sees_fake_bytes": "bytes at its peak, its simulation",
    "sees_meters": "a step of the training moves the weights in another way",
}


def checked(name: str, check: str) -> str:
    """The sentence of a check that the file fails."""
    *_, finding = run_checks(HOSTILE / f"{name}.py", [check])
    assert (finding.check, finding.passed) == (check, False)
    return finding.sentence


def cell(name: str, tmp_path, monkeypatch) -> Record:
    """The record of a small cell of the file."""
    for folder in ("methods", "datasets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(HOSTILE / f"{name}.py", tmp_path / METHODS)
    monkeypatch.chdir(tmp_path)
    block = {**TINY["tiny"], "recipe": {"epochs": STEPS // 3, "batch": 32, "lr": 0.05}}
    job = Cell(suite="tiny", method=name, variant="", backbone="cifar_resnet8", modules=2, seed=0)
    return run_cell(lambda done: None, job, Suite.model_validate(block), "")


@pytest.mark.parametrize(("name", "sentence"), LEAKS.items())
def test_a_claim_of_isolation_that_is_not_so_fails_the_check(name, sentence):
    assert sentence in checked(name, "isolation")


@pytest.mark.parametrize("name", LEAKS)
def test_a_claim_of_isolation_that_is_not_so_stands_on_no_good_row(name, tmp_path, monkeypatch):
    """It leaks; or, where its steps have other costs once it cheats, it fails."""
    record = cell(name, tmp_path, monkeypatch)
    assert record.isolation == "leaks" or "A real training step has" in record.error


@pytest.mark.parametrize(("name", "sentence"), METERS.items())
def test_a_file_that_works_less_when_metered_fails_the_check(name, sentence):
    assert sentence in checked(name, "cost")


@pytest.mark.parametrize(("name", "sentence"), METERS.items())
def test_a_file_that_works_less_when_metered_fails_its_cell(name, sentence, tmp_path, monkeypatch):
    record = cell(name, tmp_path, monkeypatch)
    assert record.status == "failed"
    assert sentence in record.error


def test_flops_are_those_of_the_epochs_that_were_trained(tmp_path, monkeypatch):
    record = cell("trains_longer", tmp_path, monkeypatch)
    assert len(record.accuracy.curve) == 5 * STEPS // 3
    assert record.cost.train_flops == record.cost.step_flops * 5 * STEPS


@pytest.mark.parametrize(("name", "sentence"), BETWEEN_STEPS.items())
def test_weights_that_move_where_no_step_is_made_fail_the_cell(name, sentence, tmp_path, monkeypatch):
    record = cell(name, tmp_path, monkeypatch)
    assert record.status == "failed"
    assert sentence in record.error
