"""What is found out once for all seeds of a row: the same records, and no step made twice for it."""

import shutil
from pathlib import Path

from workshop import Watcher, workshop

from benchmark.running import row
from benchmark.running.asked import RunOptions
from benchmark.running.executors import Work
from benchmark.running.executors.local import Local, prepared
from benchmark.running.keep import Keep
from benchmark.running.row import Known
from benchmark.running.run import run_suite
from benchmark.schema.record import read_record
from benchmark.schema.suite import cells, identify, load_suite

__all__ = ["workshop"]
MEASURED = {"time_ratio", "step_seconds", "train_seconds"}


class Noting(Local):
    """Remembers what was known of each cell's row."""

    def train(self, work, gpus, observer, seconds):
        self.told = {one.cell.seed: one.row for one in work}
        return super().train(work, gpus, observer, seconds)


def said(records):
    """All that a record says but for times and where it comes from."""
    parts = []
    for record in records:
        told = record.model_dump(exclude={"provenance", "digest", "cost", "accuracy"})
        curve = [(row.losses, row.validation_top1) for row in record.accuracy.curve]
        parts.append((told, record.cost.model_dump(exclude=MEASURED), record.accuracy.test_top1, curve))
    return parts


def trained(**how):
    executor = Noting()
    records = run_suite("tiny", ["greedy_sl"], Watcher(), RunOptions(**how), executor)
    return records, executor.told


def test_seeds_of_a_row_end_as_if_each_had_found_out_all_itself(workshop):
    together, told = trained()  # prepared once
    assert set(told.values()) == {None}
    shutil.rmtree(".beyond")
    shutil.rmtree("results/runs")
    (first,), told = trained(index=0)
    assert told == {0: None}  # and it prepares nothing for one alone
    (second,), told = trained(index=1)
    assert told == {1: Known.of(first)}
    one_by_one = [first, second]
    assert said(one_by_one) == said(together)


def test_a_row_is_prepared_once_for_cells_that_other_processes_train(workshop, monkeypatch):
    told = run_suite("tiny", ["greedy_sl"], Watcher(), RunOptions(index=1, prepare=True))
    assert told == []
    assert not list(Path("results/runs").rglob("*.json"))
    (file,) = Path(".beyond/rows").glob("*.json")
    (first,), told = trained(index=0)
    assert told == {0: Known.read(file)}
    monkeypatch.setattr(row, "code", lambda: "edited")
    assert Known.read(file) is None
    file.write_text("{")
    assert Known.read(file) is None
    assert first.status == "ok"


def test_what_is_found_out_of_a_row_takes_no_longer_than_a_cell_may(workshop):
    found = []
    for minutes in (10, 1e-4):
        suite, keep = load_suite("tiny").model_copy(update={"timeout_minutes": minutes}), Keep(Path("none.pt"))
        work = [
            Work(cell, suite, identify(cell, suite), "0" * 64, keep, Path("none.json"))
            for cell in cells("tiny", suite, "greedy_sl")
        ]
        found.append(len(prepared(work, [None], 600.0)))
    assert found == [1, 0]


CHANGES_SHAPE = '''"""A method whose auxiliary networks are as wide as chance says."""
import torch
import torch.nn.functional as F
from torch import nn
from benchmark import LocalMethod

class Changes(LocalMethod):
    title = "Changes"
    paper = "https://example.org"
    authors = "Nobody"
    year = 2026

    def auxiliary(self, k):
        if k == self.last:
            return None
        width = 8 * int(torch.randint(1, 1000, ()))
        self.channels = self.outputs[k].shape[0]
        return nn.Sequential(nn.Linear(self.channels, width), nn.ReLU(), nn.Linear(width, self.task.classes))

    def local_loss(self, k, h, batch):
        return F.cross_entropy(h if k == self.last else self.auxiliaries[k](h.mean((2, 3))), batch.y)
'''


def test_a_seed_that_is_otherwise_finds_out_its_own(workshop):
    (workshop / "methods" / "changes.py").write_text(CHANGES_SHAPE)
    run_suite("tiny", ["changes"], Watcher())
    records = [read_record(path) for path in sorted(Path("results/runs/tiny/changes").glob("*.json"))]
    assert [record.status for record in records] == ["ok", "ok"], [record.error for record in records]
    first, second = (record.cost for record in records)
    assert first.auxiliary_parameters != second.auxiliary_parameters
    assert first.step_flops != second.step_flops
