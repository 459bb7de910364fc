"""A cell whose modules train in processes of their own: the record of one process, or one sentence."""

from workshop import Watcher, changed, mistake, workshop, write_suites

from benchmark.running.asked import RunOptions
from benchmark.running.run import run_suite
from benchmark.schema.record import Record

__all__ = ["workshop"]


def trained(method: str, parallel: bool) -> Record:
    (record,) = run_suite("tiny", [method], Watcher(), RunOptions(again=True, parallel=parallel))
    return record


def test_modules_in_processes_of_their_own_end_as_in_one(workshop):
    write_suites(workshop, changed(seeds=1))
    alone, apart = (trained("similarity_matching", parallel) for parallel in (False, True))
    assert apart.status == "ok", apart.error
    assert apart.provenance.processes == 2
    assert "downstream" in apart.provenance.sharing
    assert alone.accuracy.test_top1 == apart.accuracy.test_top1
    assert [row.losses for row in alone.accuracy.curve] == [row.losses for row in apart.accuracy.curve]


def test_who_cannot_is_refused_with_the_reason(workshop, monkeypatch, capsys):
    said = mistake(monkeypatch, capsys, "run", "tiny", "--method", "e2ebp", "--parallel", "modules")
    assert "Modules of e2ebp cannot train at the same time: it does not claim to remove the update lock" in said


def test_of_one_cell_too_who_cannot_is_refused(workshop, monkeypatch, capsys):
    cell = ("cell", "tiny", "--index", "0", "--parallel", "modules")
    assert "Modules of e2ebp cannot train at the same time" in mistake(monkeypatch, capsys, *cell)
    assert "leave --gpus-per-cell" in mistake(monkeypatch, capsys, *cell, "--gpus-per-cell", "2")
