"""A sweep as jobs of a real Slurm and of a real Ray, each on this machine, with a worker, a job and a node lost."""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from clusters import ray_nodes, slurm, until
from needs import needs
from workshop import Watcher, changed, workshop, write_suites

from benchmark.running.executors.sweep import JOBS, OnCluster
from benchmark.running.run import OutOfTime, run_suite

__all__ = ["workshop"]
WAITS = '''"""A method whose first step waits until it is told to go on."""
import time
from pathlib import Path
import torch.nn.functional as F
from benchmark import LocalMethod, heads

class Waits(LocalMethod):
    title = "Waits"
    paper = "https://example.org"
    authors = "Nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        while not Path("go").exists():
            time.sleep(0.05)
        return F.cross_entropy(h if k == self.last else self.auxiliaries[k](h), batch.y)
'''
SMALL = {"memory": 0.5}  # GB


@pytest.fixture
def two_cells(workshop):
    """Two cells of a method that waits."""
    (workshop / "methods" / "waits.py").write_text(WAITS)
    write_suites(workshop, changed(seeds=2))
    return workshop


def processes(*words: str) -> list[int]:
    """Those in this folder of whose command line these are parts."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text().replace("\0", " ")
            here = os.readlink(path.parent / "cwd") == os.getcwd()
        except OSError:
            continue
        if here and all(word in line for word in words):
            found.append(int(path.parent.name))
    return found


def workers() -> list[int]:
    """`beyond cell`s, in the order of their cells."""
    return [pid for seed in (0, 1) for pid in processes("cell tiny --method waits", f"--index {seed} ")]


def when_both_run(then) -> threading.Thread:
    """Do something when both workers beat, then let them go on."""

    def wait():
        until(lambda: len(list(JOBS.glob("*.json"))) == 2, 600, "both cells began")
        then()
        Path("go").touch()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def losses(records):
    return [(record.status, record.identity.seed, [row.losses for row in record.accuracy.curve]) for record in records]


def trained_here(folder):
    kept = folder / "here" / "cells"
    return losses(run_suite("tiny", ["waits"], Watcher(), runs=folder / "here" / "runs", kept=kept))


@pytest.mark.timeout(900)  # on a busy machine
@pytest.mark.skipif(os.geteuid() != 0, reason="Slurm is started as root, which nobody is here")
@needs("slurmctld", works=shutil.which("slurmd") is not None and shutil.which("munged") is not None)
def test_of_slurm_a_killed_worker_is_replaced_and_a_cancelled_job_is_left_for_the_next_run(two_cells, tmp_path_factory):
    pytest.importorskip("submitit", reason="submitit is not installed")
    from benchmark.running.executors.slurm import Slurm

    def faults():
        first, _ = workers()
        os.kill(first, signal.SIGKILL)
        names = subprocess.run(["squeue", "--me", "-h", "-o", "%i"], capture_output=True, text=True).stdout.split()
        subprocess.run(["scancel", max(names, key=int)], check=True)
        until(lambda: len(workers()) < 2, 60, "the cancelled worker ends")

    with slurm(tmp_path_factory.mktemp("slurm")):
        Slurm.poll, thread, watcher = 0.5, when_both_run(faults), Watcher()
        with pytest.raises(OutOfTime, match="1 of 2"):
            run_suite("tiny", ["waits"], watcher, executor=OnCluster(Slurm(), SMALL))
        thread.join()
        assert watcher.trained == [("waits", 0, "ok")]
        assert any("is handed in again: its worker ended with exit code -9" in note for note in watcher.notes)
        assert any("its job was cancelled" in note for note in watcher.notes)
        records = run_suite("tiny", ["waits"], Watcher(), executor=OnCluster(Slurm(), SMALL))
    assert losses(records) == trained_here(two_cells)


@pytest.mark.timeout(900)
def test_of_ray_the_cells_of_a_lost_node_are_trained_on_another(two_cells):
    pytest.importorskip("ray", reason="Ray is not installed")
    from benchmark.running.executors.ray import Ray

    with ray_nodes(1, 1) as (cluster, _, second):
        thread, watcher = when_both_run(lambda: cluster.remove_node(second, allow_graceful=False)), Watcher()
        records = run_suite("tiny", ["waits"], watcher, executor=OnCluster(Ray(), SMALL))
        thread.join()
        assert sum("is handed in again: " in note for note in watcher.notes) == 1
        deadline = time.monotonic() + 60
        while workers() and time.monotonic() < deadline:  # of the lost node, whose worker is gone
            time.sleep(0.2)
        assert not workers()
    assert losses(records) == trained_here(two_cells)
