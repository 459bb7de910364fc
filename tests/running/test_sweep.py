"""Cells as jobs of a cluster, without one: what dies is handed in again, nothing finished is lost, the sweep ends."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from workshop import Watcher

from benchmark.errors import UserError
from benchmark.running.executors import sweep as sweeping
from benchmark.running.executors.executor import Work
from benchmark.running.executors.heartbeat import BEAT, read_beat
from benchmark.running.executors.needs import Needs, needs_of, parsed_needs
from benchmark.running.executors.sweep import Answered, Ended, OnCluster, Order, command_of, sweep
from benchmark.running.keep import Keep, Unfinished
from benchmark.running.launch import Crash
from benchmark.running.row import Known
from benchmark.schema.record import Record, write_record
from benchmark.schema.suite import cells, identify, load_suite

DIED, ANSWERED, SILENT = Ended(-9), Ended(0), None
CANCELLED, LATE = Ended(143, cancelled=True), Ended(sweeping.OUT_OF_TIME)


class FakeCluster:
    """Its jobs end as they are told, one after the other of a cell: (how, the fraction that they came to)."""

    name, poll = "a fake", 0.001

    def __init__(self, fates: dict[str, list], room: int = 100) -> None:
        self.fates, self.room = {name: list(fate) for name, fate in fates.items()}, room
        self.jobs: dict[str, tuple] = {}
        self.handed_in: list[str] = []
        self.asked: list[tuple] = []  # whether to prepare alone, and on how many GPUs
        self.cancelled: list[str] = []

    def submit(self, name, command, needs):
        if len(self.jobs) >= self.room:
            raise UserError("QOSMaxSubmitJobPerUserLimit")
        job, self.handed_in = str(len(self.handed_in)), [*self.handed_in, name]
        self.asked.append(("--prepare" in command, needs.gpus))
        how, fraction = self.fates[name].pop(0)
        path = Path(command[command.index("--heartbeat") + 1])
        assert read_beat(path).number == 0  # nothing of a worker before
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"number": 1, "fraction": fraction, "notes": [f"came to {fraction}"]}))
        self.jobs[job] = how
        return job

    def look(self, jobs):
        return {job: self.jobs.pop(job) for job in list(jobs) if self.jobs.get(job) is not SILENT}

    def cancel(self, jobs):
        self.cancelled += jobs
        for job in jobs:
            self.jobs[job] = DIED


@pytest.fixture
def orders(tmp_path, monkeypatch):
    """By seed: three cells as jobs, with a folder for their heartbeats."""
    monkeypatch.setattr(sweeping, "JOBS", tmp_path / "jobs")
    monkeypatch.setattr(sweeping, "PATIENCE", 1)
    suite, made = load_suite("digits"), []
    for cell in cells("digits", suite, "dgl")[:3]:
        print_ = f"{cell.seed}" * 64
        record = tmp_path / f"{cell.seed}.json"
        made.append(Work(cell, suite, identify(cell, suite), print_, Keep(tmp_path / "none.pt"), record))
    return [Order(work, Needs(0, 1, 1.0, 4.0), ["beyond"]) for work in made]


def swept(orders, *fates, room=100, **how):
    """(outcome by seed, cluster, what was noted)."""
    names = [f"beyond-{order.work.fingerprint[:16]}" for order in orders]
    cluster, notes = FakeCluster(dict(zip(names, fates, strict=False)), room), []
    found = sweep(orders, cluster, lambda *_: None, lambda work, said: notes.append(said), **how)
    return {work.cell.seed: outcome for work, outcome in found}, cluster, notes


def test_a_worker_that_dies_is_replaced_and_the_others_are_done(orders):
    fates = [(DIED, 0.0), (Ended(None, "a node was lost"), 0.0), (ANSWERED, 1.0)], [(ANSWERED, 1.0)], [(Ended(1), 0.3)]
    found, cluster, notes = swept(orders, *fates)
    assert {seed: type(outcome) for seed, outcome in found.items()} == dict.fromkeys(range(3), Answered)
    assert len(cluster.handed_in) == 5
    assert "is handed in again: a node was lost" in notes


def test_a_cell_whose_workers_come_no_further_ends_as_failed(orders):
    further = [(DIED, 0.1), (DIED, 0.1), (DIED, 0.2), (DIED, 0.2), (Ended(2, "There is no GPU here."), 0.2)]
    found, cluster, _ = swept(orders[:2], further, [(ANSWERED, 1.0)])
    assert found[0] == Crash("failed", "3 workers died, the last one: There is no GPU here.")
    assert isinstance(found[1], Answered)
    assert len(cluster.handed_in) == 6


def test_a_worker_that_is_not_heard_of_any_more_is_replaced(orders):
    found, cluster, notes = swept(orders[:1], [(SILENT, 0.5), (ANSWERED, 1.0)], silence=0.02)
    assert isinstance(found[0], Answered)
    assert cluster.cancelled == ["0"]
    assert any("nothing was heard" in said for said in notes)


def test_a_cancelled_job_is_not_handed_in_again_and_leaves_no_record(orders):
    found, cluster, _ = swept(orders[:1], [(CANCELLED, 0.5)])
    assert isinstance(found[0], Unfinished)
    assert len(cluster.handed_in) == 1


def test_jobs_shorter_than_a_cell_go_on_until_its_own_limit(orders):
    assert orders[0].work.suite.timeout_minutes == 10
    found, cluster, _ = swept(orders[:1], [(LATE, 0.0)] * 1000)
    assert found[0].status == "timeout"
    assert len(cluster.handed_in) == 3


def test_a_cluster_that_takes_few_jobs_at_a_time_gets_them_all_and_one_that_takes_none_is_an_error(orders):
    found, cluster, _ = swept(orders, *[[(ANSWERED, 1.0)]] * 3, room=1)
    assert len(found) == len(cluster.handed_in) == 3
    with pytest.raises(UserError, match="QOSMax"):
        swept(orders, *[[(ANSWERED, 1.0)]] * 3, room=0)


def test_when_the_time_is_up_jobs_are_cancelled(orders):
    found, cluster, _ = swept(orders, *[[(SILENT, 0.5)]] * 3, seconds=0.05)
    assert found == {}
    assert sorted(cluster.cancelled) == ["0", "1", "2"]
    assert list(sweeping.JOBS.iterdir()) == []


def test_the_record_is_the_workers_own_or_says_that_it_is_of_something_else(orders):
    work = orders[0].work
    cluster = FakeCluster({f"beyond-{work.fingerprint[:16]}": [(ANSWERED, 1.0)] * 2})
    write_record(
        Record(identity=work.identity, status="diverged", error="so", fingerprint=work.fingerprint), work.published
    )
    ((_, record),) = OnCluster(cluster, {}).train([work], 0, Watcher(), 1000.0)
    assert (record.status, record.error) == ("diverged", "so")
    write_record(Record(identity=work.identity, status="diverged", error="so", fingerprint="f" * 64), work.published)
    ((_, record),) = OnCluster(cluster, {}).train([work], 0, Watcher(), 1000.0)
    assert record.status == "failed"
    assert "a file may have changed" in record.error


def test_what_seeds_share_is_found_out_by_a_job_without_a_gpu_before_one_waits_for_it(orders):
    gpu = [replace(o.work, suite=o.work.suite.model_copy(update={"device": "cuda"})) for o in orders]
    known, other = replace(gpu[1], row=Known("verified", {}, None, None)), gpu[2]
    name = [f"beyond-{work.fingerprint[:16]}" for work in (known, other)]
    cluster = FakeCluster({name[0]: [(ANSWERED, 1.0)], name[1]: [(DIED, 0.0), (ANSWERED, 1.0), (ANSWERED, 1.0)]})
    records = list(OnCluster(cluster, {}).train([known, other], 0, Watcher(), 1000.0))
    assert cluster.asked == [(True, 0), (True, 0), (False, 1), (False, 1)]
    assert len(records) == 2


def test_a_command_names_its_cell_by_the_index_among_those_of_its_protocol():
    suite = load_suite("digits")
    tuned = [cell for cell in cells("digits", suite, "dgl") if cell.recipe == "tuned"]
    work = Work(tuned[-1], suite, identify(tuned[-1], suite), "0" * 64, Keep(Path("a.pt")), Path("a.json"), 2, True)
    said = " ".join(command_of(work, 90.0)[3:])
    index = f"--index {len(tuned) - 1} --time-limit 90s"
    assert said == f"cell digits --method dgl --protocol tuned {index} --parallel modules"


def test_needs_are_the_suites_unless_somebody_says_otherwise():
    suite = load_suite("digits")
    assert needs_of(suite, 2, {}) == Needs(0, 2, 8.0, 10)
    on_gpus = needs_of(suite.model_copy(update={"device": "cuda"}), 4, parsed_needs("cpus=16, memory=32GB,minutes=90"))
    assert on_gpus == Needs(4, 16, 32.0, 90.0)
    for wrong in ("cpus", "cpus=1.5", "memory=0", "minutes=ten", "nodes=2"):
        with pytest.raises(UserError, match="--needs"):
            parsed_needs(wrong)
    assert sweeping.SILENCE > 10 * BEAT
