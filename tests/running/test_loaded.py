"""A record is of the file that ran: one that changes before its cell or during it is not kept, and says so."""

from pathlib import Path

import pytest
from workshop import Watcher, changed, run, workshop, write_suites

from benchmark.running import cell as cell_module
from benchmark.running.cell import run_cell
from benchmark.running.executors import Local
from benchmark.running.launch import run_one
from benchmark.running.run import run_suite
from benchmark.schema.fingerprint import fingerprint
from benchmark.schema.plugins import METHODS, file_sha256
from benchmark.schema.record import read_record, read_records, write_record
from benchmark.schema.suite import cells, load_suite

__all__ = ["workshop"]
FILES = ("methods/dgl.py", "methods/e2ebp.py", "datasets/digits.py")


@pytest.fixture
def small(workshop):
    """One cell of dgl: the cell, its suite, and what it is to be made from."""
    write_suites(workshop, changed(seeds=1))
    suite = load_suite("tiny")
    (cell,) = cells("tiny", suite, "dgl")
    data, _ = run_one("benchmark.running.preflight:hardware_and_data", "tiny")
    return cell, suite, fingerprint(cell, suite, data)


def touch(file: str) -> None:
    with Path(file).open("a", encoding="utf-8") as text:
        text.write("\n# touched\n")


def said(record) -> str:
    """What a record says that is to hold nothing of a training."""
    assert record.status == "failed"
    assert (record.accuracy, record.cost, record.provenance) == (None, None, None)
    return record.error


def test_the_worker_says_what_it_loaded(small):
    record = run_cell(lambda fraction: None, *small)
    assert (record.status, record.error, record.fingerprint) == ("ok", None, small[2])
    assert record.provenance.method_sha256 == file_sha256(METHODS / "dgl.py")


@pytest.mark.parametrize("file", [FILES[0], FILES[2]])
def test_a_file_that_changed_before_the_worker_loaded_it_trains_nothing(small, monkeypatch, file):
    touch(file)
    monkeypatch.setattr(cell_module, "train_phases", lambda *arguments, **more: pytest.fail("it trained"))
    assert "methods/dgl.py, datasets/digits.py, the pictures or the packages changed after the run" in said(
        run_cell(lambda fraction: None, *small)
    )


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("change", [touch, lambda file: Path(file).unlink()], ids=["edited", "gone"])
def test_a_file_that_changes_during_the_training_leaves_no_numbers(small, file, change):
    error = said(run_cell(lambda fraction: change(file) if Path(file).exists() else None, *small))
    assert error == f"{file} changed while the cell was trained; run it again."


class Editor(Watcher):
    """Edits a method as soon as a cell of it has ended."""

    def finished(self, cell, record):
        super().finished(cell, record)
        if len(self.trained) == 1:
            touch("methods/dgl.py")


def test_cells_that_were_finished_before_the_edit_are_kept_and_the_others_say_so(workshop):
    write_suites(workshop, changed(seeds=3))
    watcher = Editor()
    records = run_suite("tiny", ["dgl"], watcher, executor=Local(1))
    statuses = [record.status for record in records]
    assert (statuses[0], statuses[2]) == ("ok", "failed")  # the second had begun, or had not
    kept = [read_record(path) for path in Path(".beyond/cells").glob("*.json")]
    assert {record.identity.seed for record in kept} == {r.identity.seed for r in records if r.status == "ok"}
    assert len(list(read_records(Path("results/runs")))) == 3
    again = run("dgl")
    assert again.found == 0
    assert len(again.trained) == 3


def test_a_kept_record_of_another_file_is_trained_again(workshop):
    """Older versions kept what the file was when the run began, under the name of what it was then."""
    write_suites(workshop, changed(seeds=1))
    (first,) = run_suite("tiny", ["dgl"], Watcher())
    assert first.status == "ok", first.error
    (path,) = Path(".beyond/cells").glob("*.json")
    record = read_record(path)
    origin = record.provenance.model_copy(update={"method_sha256": "0" * 64})
    for place in (path, *Path("results/runs").rglob("*.json")):
        write_record(record.model_copy(update={"provenance": origin}), place)
    assert len(run("dgl").trained) == 1
