"""Untrained network: its row is the accuracy of the weights as they were drawn, at no epoch and no cost."""

import pytest
import torch
from conftest import make_method, small_suite

from benchmark.engine.load import load_dataset
from benchmark.engine.measuring.cost import simulate
from benchmark.engine.pictures.data import data_root, load_splits
from benchmark.engine.pictures.loader import MemoryLoader
from benchmark.engine.training.build import build_partition
from benchmark.engine.training.evaluate import accuracy
from benchmark.errors import UserError
from benchmark.running.cell import run_cell
from benchmark.running.progress import summary
from benchmark.schema.record import write_record
from benchmark.schema.suite import Cell, cells, load_suite
from benchmark.tables.cells import load


def test_a_record_holds_the_accuracy_of_the_initial_network_and_no_epochs(tmp_path):
    suite = load_suite("digits")
    (cell,) = [cell for cell in cells("digits", suite, "untrained") if cell.protocol == "shared"]
    assert cell == Cell(suite="digits", method="untrained", variant="", backbone="cifar_resnet8", modules=1, seed=0)
    record = run_cell(lambda fraction: None, cell, suite, "")
    assert (record.status, record.error) == ("ok", None)
    dataset = load_dataset("digits")
    splits = load_splits(dataset, data_root(), suite.validation)
    network = build_partition(suite.backbones[0], dataset.task, 1, suite.balance, seed=0)
    network.modules.eval()
    hits = [network(b.x).argmax(1) == b.y for b in MemoryLoader(splits.test, dataset, 500, train=False).epoch(0)]
    assert record.accuracy.test_top1 == pytest.approx(100 * torch.cat(hits).double().mean().item())
    assert record.accuracy.curve == []
    assert record.accuracy.validation_top1 == record.accuracy.probes[-1]
    assert (record.cost, record.labels, record.isolation) == (None, {}, "not claimed")
    assert summary(record).endswith(f"test {record.accuracy.test_top1:.2f} %, not trained")
    path = tmp_path / "runs/digits/untrained/cifar_resnet8-k1-s0.json"
    write_record(record, path)
    row = load(tmp_path / "runs").iloc[0]
    assert (row["status"], row["epochs"]) == ("ok", 0)
    assert row[["memory_ratio", "time_ratio"]].isna().all()


def test_it_trains_nothing_and_so_has_no_step_to_simulate(digits, loader):
    method = make_method("untrained", 1, digits)
    assert method.phases() == ()
    accuracy(method, loader)
    with pytest.raises(UserError, match="Untrained trains nothing"):
        simulate(lambda: make_method("untrained", 1, digits), small_suite().recipe, digits.task, 8)
