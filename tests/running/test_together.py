"""A cell in several processes leaves the record of one, which says so; a fault in one of them ends it."""

from pathlib import Path

import pytest
from workshop import Watcher, changed, mistake, workshop, write_suites

from benchmark.running.asked import RunOptions
from benchmark.running.keep import Keep
from benchmark.running.launch import Job, run_jobs
from benchmark.running.run import run_suite
from benchmark.running.worker import Worker
from benchmark.schema.record import read_record
from benchmark.schema.suite import cells, load_suite

__all__ = ["workshop"]

LOSS = "yield F.cross_entropy(self.predict(batch.x), batch.y)"
NONE_IN_THE_SECOND = f"""import torch.distributed as dist
        broken = dist.is_initialized() and dist.get_rank()
        {LOSS} * (float("nan") if broken else 1)"""


def test_two_processes_leave_the_record_of_one_and_stop_where_one_of_them_diverges(workshop):
    write_suites(workshop, changed(seeds=1, limit=64, recipe={"epochs": 2, "batch": 32, "lr": 0.05}))
    (alone,) = run_suite("tiny", ["dgl"], Watcher(), kept=workshop / "kept" / "cells")
    twin = (workshop / "methods" / "e2ebp.py").read_text()
    broken = twin.replace(LOSS, NONE_IN_THE_SECOND).replace('title = "', 'title = "Broken ')
    (workshop / "methods" / "broken.py").write_text(broken)
    together, diverged = run_suite("tiny", ["dgl", "broken"], Watcher(), RunOptions(again=True, gpus_per_cell=2))

    assert together.sealed() == read_record(workshop / "results/runs/tiny/dgl/cifar_resnet8-k2-s0.json")
    assert (alone.provenance.processes, together.provenance.processes) == (None, 2)
    assert "BatchNorm synchronised" in together.provenance.sharing
    assert together.isolation == "verified"
    assert together.fingerprint == alone.fingerprint
    losses = [record.accuracy.curve[0].losses for record in (alone, together)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)  # float32: a unit at zero may fall to either side
    assert together.cost.train_flops == pytest.approx(alone.cost.train_flops, rel=1e-2)
    assert together.cost.peak_bytes < alone.cost.peak_bytes
    assert (diverged.status, diverged.provenance.processes) == ("diverged", 2)

    stopped = stop_in(together, steps=1)
    assert stopped.sentence == "stopped at phase 0, epoch 1, step 0"
    watcher = Watcher()
    (went_on,) = run_suite("tiny", ["dgl"], watcher, RunOptions(again=True, gpus_per_cell=2))
    assert any("goes on from phase 0, epoch 1, step 0" in note for note in watcher.notes)
    assert went_on.accuracy.curve[1].losses == together.accuracy.curve[1].losses
    assert went_on.accuracy.probes == together.accuracy.probes
    assert list((workshop / ".beyond" / "checkpoints").iterdir()) == []


def stop_in(record, steps):
    """The outcome of a cell in two processes, that of ``record``, which is asked to stop after so many steps."""
    suite = load_suite("tiny")
    (cell,) = cells("tiny", suite, record.identity.method)
    keep = Keep(Path(".beyond/checkpoints") / f"{record.fingerprint}.pt")
    arguments = steps, cell, suite, record.fingerprint, keep
    ((_, outcome),) = run_jobs([Job("stopped", "launch_jobs:stop_before_step", arguments, processes=2)], [""])
    return outcome


def test_batches_that_cannot_be_shared_out_are_one_sentence(workshop, monkeypatch, capsys):
    said = mistake(monkeypatch, capsys, "run", "tiny", "--method", "e2ebp", "--gpus-per-cell", "3")
    assert "A batch of 32 cannot be shared out equally among 3 processes" in said


def test_torchrun_gives_a_seat_and_trains_one_cell_alone(workshop, monkeypatch, capsys):
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert Worker.given() == Worker(3, 4, "env://", 1)
    assert "beyond cell SUITE --index N" in mistake(monkeypatch, capsys, "run", "tiny")
