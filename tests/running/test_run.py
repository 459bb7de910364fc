"""A suite from the command line to its records: resume, honesty, failures, and the user's mistakes."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from typer.testing import CliRunner
from workshop import Watcher, beyond, changed, mistake, run, workshop, write_suites

from benchmark import cli
from benchmark.ending import Interrupted
from benchmark.errors import UserError
from benchmark.running.store import KEPT, RUNS, Store
from benchmark.schema.record import read_record, write_record

__all__ = ["workshop"]
DIVERGES = '''"""A method whose loss is not a number from step 2 on."""
import torch
from torch import nn
from benchmark import LocalMethod

class Diverges(LocalMethod):
    title = "Diverges"
    paper = "https://example.org"
    authors = "Nobody"
    year = 2026

    def auxiliary(self, k):
        steps = nn.Module()
        steps.register_buffer("made", torch.zeros(()))
        return steps

    def local_loss(self, k, h, batch):
        made = self.auxiliaries[k].made.add_(1)
        return h.mean() * torch.where(made > 2, float("nan"), 1.0)
'''


@pytest.fixture
def one_seed(workshop):
    """The workshop with one cell a method: half the training, where a second seed would say nothing more."""
    write_suites(workshop, changed(seeds=1))
    return workshop


def test_a_suite_leaves_a_complete_record_per_cell_and_is_not_run_twice(workshop):
    assert run("e2ebp", "greedy_sl").trained.__len__() == 4
    files = sorted(p.relative_to("results/runs") for p in Path("results/runs").rglob("*.json"))
    assert [str(f) for f in files] == [
        f"tiny/{m}/cifar_resnet8-k{k}-s{s}.json" for m, k in (("e2ebp", 1), ("greedy_sl", 2)) for s in (0, 1)
    ]
    record = read_record(Path("results/runs") / files[-1])
    assert record.status == "ok"
    assert record.genuine
    assert record.isolation == "verified"
    assert len(record.cuts) == 1
    assert len(record.accuracy.probes) == 2
    assert record.labels == {"full": 96}
    assert record.cost.peak_ratio > 0
    assert str(workshop) not in record.model_dump_json()
    before = {f: (Path("results/runs") / f).read_bytes() for f in files}
    again = run("e2ebp", "greedy_sl")
    assert again.trained == []
    assert again.found == 4
    assert before == {f: (Path("results/runs") / f).read_bytes() for f in files}


def test_a_committed_record_of_the_same_files_serves_and_no_other(one_seed):
    run("dgl")
    shutil.rmtree(".beyond")
    watcher = run("dgl")
    assert (watcher.found, watcher.trained) == (1, [])
    with open("methods/dgl.py", "a") as file:
        file.write("OTHER = 1\n")
    assert run("dgl").trained == [("dgl", 0, "ok")]


def test_the_same_cell_gives_the_same_numbers_in_another_process(one_seed):
    run("infopro")
    first = accuracies()
    forget()
    assert len(run("infopro").trained) == 1
    assert accuracies() == first


def forget():
    """As if no cell had been trained yet."""
    for folder in (".beyond", "results/runs"):
        shutil.rmtree(folder)


def accuracies() -> list:
    """Everything that training determines, of all records: no times."""
    records = [read_record(p) for p in sorted(Path("results/runs").rglob("*.json"))]
    rows = [[(e.epoch, e.losses, e.validation_top1) for e in r.accuracy.curve] for r in records]
    return [(r.accuracy.test_top1, r.accuracy.probes, row) for r, row in zip(records, rows, strict=True)]


def test_what_was_made_of_uncommitted_changes_is_said_and_can_be_made_anew(one_seed):
    run("dgl")
    for path in one_seed.glob(".beyond/cells/*.json"):
        record = read_record(path)
        origin = record.provenance.model_copy(update={"git_dirty": True})
        write_record(record.model_copy(update={"provenance": origin}), path)
    shutil.rmtree("results/runs")
    command = ["run", "tiny", "--method", "dgl"]
    assert "1 of 1 records were made before their changes" in CliRunner().invoke(cli.app, command).output
    assert "records were made before" not in CliRunner().invoke(cli.app, [*command, "--again"]).output
    assert not any(read_record(path).provenance.git_dirty for path in one_seed.glob("results/runs/tiny/dgl/*.json"))


def test_an_edited_record_is_replaced_and_an_edited_cache_is_trained_again(one_seed):
    run("greedy_sl")
    path = Path("results/runs/tiny/greedy_sl/cifar_resnet8-k2-s0.json")
    honest = read_record(path)
    forged = path.read_text().replace(f'"test_top1": {honest.accuracy.test_top1}', '"test_top1": 99.9')
    assert forged != path.read_text()
    path.write_text(forged)
    assert not read_record(path).genuine
    assert run("greedy_sl").trained == []
    assert read_record(path).genuine
    (Path(".beyond/cells") / f"{honest.fingerprint}.json").write_text(forged)
    path.write_text(forged)
    assert run("greedy_sl").trained == [("greedy_sl", 0, "ok")]
    assert read_record(path).accuracy.test_top1 == honest.accuracy.test_top1


def test_only_the_touched_method_is_trained_again(one_seed):
    run("greedy_sl", "e2ebp")
    with open("methods/greedy_sl.py", "a") as file:
        file.write("\nTOUCHED = 1\n")
    assert {method for method, *_ in run("greedy_sl", "e2ebp").trained} == {"greedy_sl"}


def test_a_corrected_docstring_makes_no_finished_cell_stale_and_new_code_does(one_seed, monkeypatch, capsys):
    run("dgl")
    assert beyond(monkeypatch, capsys, "table")[0] == 0
    path = Path("methods/dgl.py")
    path.write_text(path.read_text().replace('"""', '"""Corrected. ', 1) + "# and a remark\n")
    (record,) = Path("results/runs/tiny/dgl").iterdir()
    before = record.read_bytes()
    assert run("dgl").trained == []
    shutil.rmtree(".beyond")
    assert run("dgl").trained == []
    assert record.read_bytes() == before
    told = read_record(record).fingerprint
    path.write_text(path.read_text() + "OTHER = 1\n")
    assert run("dgl").trained == [("dgl", 0, "ok")]
    assert read_record(record).fingerprint != told


def test_cells_of_both_editions_of_a_file_stay_whichever_was_trained_last(workshop, monkeypatch, capsys):
    run("dgl")
    beyond(monkeypatch, capsys, "table")
    path = Path("methods/dgl.py")
    first = path.read_text()
    path.write_text("# a later edition\n" + first)
    Path("results/runs/tiny/dgl/cifar_resnet8-k2-s1.json").unlink()
    shutil.rmtree(".beyond")
    assert run("dgl").trained == [("dgl", 1, "ok")]
    assert len({read_record(p).provenance.method_sha256 for p in Path("results/runs/tiny/dgl").iterdir()}) == 2
    for text in (path.read_text(), first, "# the last edition\n" + first):
        beyond(monkeypatch, capsys, "table")
        path.write_text(text)
        assert run("dgl").trained == []


def test_kill_9_in_the_middle_loses_only_the_cells_that_were_running(workshop):
    write_suites(workshop, changed(seeds=4))
    arguments = ["run", "tiny", "--method", "dgl", "--jobs", "2"]
    command = [sys.executable, "-c", "from benchmark.cli import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(kept()) < 2:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = kept()
    assert 2 <= len(finished) < 4
    again = run("dgl")
    assert again.found == len(finished)
    assert len(again.trained) == 4 - len(finished)


def kept() -> list[Path]:
    return sorted(Path(".beyond/cells").glob("*.json"))


def test_a_diverging_method_is_a_row_and_stops_nobody(one_seed, monkeypatch, capsys):
    (one_seed / "methods" / "diverges.py").write_text(DIVERGES)
    arguments = ["run", "tiny", "--method", "diverges", "--method", "greedy_sl"]
    code, _ = beyond(monkeypatch, capsys, *arguments)
    assert code == 0
    record = read_record(Path("results/runs/tiny/diverges/cifar_resnet8-k2-s0.json"))
    assert record.status == "diverged"
    assert "became nan at epoch 0, step 2" in record.error
    table = Path("results/leaderboard.csv").read_text()
    assert "diverged" in table
    assert "greedy_sl" in table


def test_a_method_that_breaks_is_a_row_without_a_path_of_this_machine(one_seed):
    content = DIVERGES.replace("return h.mean() *", "raise RuntimeError(f'broken in {__file__}')\n        return")
    (one_seed / "methods" / "breaks.py").write_text(content)
    run("breaks")
    record = read_record(Path("results/runs/tiny/breaks/cifar_resnet8-k2-s0.json"))
    line = content[: content.index("raise RuntimeError")].count("\n") + 1
    said = f"RuntimeError: broken in ./methods/breaks.py (line {line} of the file)"
    assert (record.status, record.error) == ("failed", said)


def test_the_oddest_method_is_a_row_in_one_sentence(one_seed):
    content = DIVERGES.replace("import torch\n", "import numpy as np\nimport torch\n").replace(
        "return h.mean() *",
        "self.options.odd = {1: np.float32(0.5), 'kind': dict}\n"
        "        raise ValueError('a\\ud800\\x1b[31m' + 'x' * 20_000_000)\n        return",
    )
    (one_seed / "methods" / "odd.py").write_text(content)
    run("odd")
    record = read_record(Path("results/runs/tiny/odd/cifar_resnet8-k2-s0.json"))
    assert record.status == "failed"
    assert record.error.startswith("ValueError: a  [31mxxx")
    assert len(record.error) < 700
    assert record.genuine


def test_cells_that_left_the_suite_leave_no_record(workshop):
    run("greedy_sl")
    write_suites(workshop, changed(seeds=1))
    run("greedy_sl")
    assert len(list(Path("results/runs/tiny/greedy_sl").iterdir())) == 1


def test_a_full_disk_is_one_sentence_and_leaves_no_half_record(workshop, monkeypatch):
    replace = os.replace

    def full(source, target):
        if "results" in str(target):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=r"No space left on device.*kept"):
        run("greedy_sl")
    assert list(Path("results").rglob("*.tmp")) == []
    assert len(kept()) >= 1


def test_ctrl_c_while_a_record_is_written_leaves_none_or_a_whole_one(workshop, monkeypatch, capsys):
    def interrupted(source, target):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    monkeypatch.setattr(os, "replace", interrupted)
    code, err = beyond(monkeypatch, capsys, "run", "tiny", "--method", "greedy_sl")
    assert code == 130
    assert "goes on from there" in err
    assert list(Path().rglob("*.tmp")) == []
    assert kept() == []


def test_what_cannot_be_kept_is_said_and_has_its_record(workshop, capsys):
    record = committed_record()
    Path(".beyond").touch()
    watcher = Watcher()
    store = Store(RUNS, KEPT, watcher)
    store.save(record, record.fingerprint)
    store.complain()
    assert read_record(RUNS / "digits/dgl/cifar_resnet8-k2-s0.json") == record
    (note,) = watcher.notes
    assert note.startswith(".beyond/cells cannot be written (")
    assert "will train them again" in note
    with pytest.raises(Interrupted) as stopped, store.truthful():
        raise Interrupted(2)
    assert "will train them again" in stopped.value.kept


def test_a_folder_in_a_records_place_is_found_before_anything_trains(workshop, monkeypatch, capsys):
    path = Path("results/runs/tiny/dgl/cifar_resnet8-k2-s0.json")
    path.mkdir(parents=True)
    assert f"{path} is a folder" in mistake(monkeypatch, capsys, "run", "tiny", "--method", "dgl")
    path.rmdir()
    shutil.rmtree("results")
    Path("results").touch()
    said = mistake(monkeypatch, capsys, "run", "tiny", "--method", "dgl")
    assert "Nothing was trained: results/runs/tiny cannot be" in said
    assert "a file stands where a folder belongs" in said


def test_a_record_that_has_no_place_at_all_ends_the_run(workshop):
    Path(".beyond").touch()
    record = committed_record()
    RUNS.parent.joinpath("runs").touch()
    with pytest.raises(
        UserError, match=r"results/runs/digits/.*cannot be written either, so what has no record is lost"
    ):
        Store(RUNS, KEPT, Watcher()).save(record, record.fingerprint)


def committed_record():
    return read_record(ROOT / "results/runs/digits/dgl/cifar_resnet8-k2-s0.json")


@pytest.mark.parametrize("command", ["run tiny", "verify tiny", "reproduce tiny"])
def test_no_cells_at_once_is_one_sentence(workshop, monkeypatch, capsys, command):
    assert "--jobs 0 would train nothing" in mistake(monkeypatch, capsys, *command.split(), "--jobs", "0")


def test_unknown_names_are_answered_with_the_nearest_ones(workshop, monkeypatch, capsys):
    assert "did you mean tiny?" in mistake(monkeypatch, capsys, "run", "tinny")
    assert "did you mean greedy_sl?" in mistake(monkeypatch, capsys, "run", "tiny", "--method", "gredy_sl")
    write_suites(workshop, changed(backbones=[{"name": "cifar_resnet9"}]))
    assert "cifar_resnet8" in mistake(monkeypatch, capsys, "run", "tiny", "--method", "e2ebp")
    for command in ("run", "tune", "plan"):
        wrong = mistake(monkeypatch, capsys, command, "tiny", "--method", "diffusion_blocks")
        assert "Suite 'tiny' does not name diffusion_blocks, which only suites that do train: it needs tran" in wrong
    write_suites(workshop, changed(methods=["e2ebp", "dlg"]))
    for command in ("run", "tune"):
        wrong = mistake(monkeypatch, capsys, command, "tiny")
        assert "suites.yaml: tiny.methods: There is no method 'dlg' in methods/; did you mean dgl" in wrong
    write_suites(workshop, changed())
    for command in ("run", "reproduce"):
        wrong = mistake(monkeypatch, capsys, command, "tiny", "--protocol", "papers")
        assert "Suite 'tiny' has no protocol 'papers'; it has shared" in wrong
    write_suites(workshop, changed(epoch=3))
    assert "tiny.epoch: Extra inputs are not permitted" in mistake(monkeypatch, capsys, "run", "tiny")


def test_more_modules_than_cut_points_says_how_many_there_are(workshop, monkeypatch, capsys):
    write_suites(workshop, changed(modules=[40]))
    err = mistake(monkeypatch, capsys, "run", "tiny", "--method", "greedy_sl")
    assert "cifar_resnet8: Cannot cut into 40 modules" in err
    assert "1 to 5 modules" in err


def test_a_gpu_suite_without_a_gpu_says_what_it_needs(workshop, monkeypatch, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    write_suites(workshop, changed(device="cuda"))
    assert "needs a CUDA GPU" in mistake(monkeypatch, capsys, "run", "tiny", "--method", "e2ebp")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("class Broken(:\n", "syntax error in line 1"),
        ("x = 1\n", "defines no class with a literal `title`"),
        ('from benchmark import Method\nclass A(Method):\n    title = "A"\n', "lacks the literal `paper`"),
        (DIVERGES.replace("year = 2026", "year = 2026; family = 'weakly'"), "there is no family 'weakly'"),
        (DIVERGES.replace("import torch\n", "import no_such_package\n"), "cannot be imported"),
        (DIVERGES.replace("import LocalMethod", "import LocalMethods"), "cannot be imported"),
    ],
)
def test_a_broken_method_file_is_named(workshop, monkeypatch, capsys, content, expected):
    (workshop / "methods" / "mine.py").write_text(content)
    err = mistake(monkeypatch, capsys, "run", "tiny", "--method", "mine")
    assert "methods/mine.py" in err
    assert expected in err


def test_two_methods_of_one_title_are_refused(workshop, monkeypatch, capsys):
    content = DIVERGES.replace('"Diverges"', '"End-to-end backpropagation"')
    (workshop / "methods" / "mine.py").write_text(content)
    err = mistake(monkeypatch, capsys, "run", "tiny")
    assert "methods/mine.py is taken by methods/e2ebp.py" in err


def test_the_other_methods_go_on_without_files_that_are_broken(one_seed, monkeypatch, capsys):
    for path in set(one_seed.glob("methods/*.py")) - {one_seed / "methods" / "e2ebp.py"}:
        path.unlink()
    broken = {
        "latin": (DIVERGES + "# Z\u00fcrich\n").encode("latin-1"),
        "import": DIVERGES.replace("import torch\n", "import no_such_package\n").encode(),
        "My-Method": DIVERGES.encode(),
    }
    for name, raw in broken.items():
        (one_seed / "methods" / f"{name}.py").write_bytes(raw)
    code, err = beyond(monkeypatch, capsys, "run", "tiny")
    said = err.strip().splitlines()
    assert (code, len(said)) == (2, 3)
    assert all(any(f"methods/{name}.py" in line for line in said) for name in broken)
    assert all(line.endswith("The other methods go on.") for line in said)
    assert len(list(one_seed.glob("results/runs/tiny/e2ebp/*.json"))) == 1


def test_missing_data_says_how_to_get_it(workshop, monkeypatch, capsys):
    monkeypatch.setenv("BEYOND_DATA", str(workshop / "nowhere"))
    write_suites(workshop, changed(dataset="cifar10"))
    err = mistake(monkeypatch, capsys, "run", "tiny", "--method", "e2ebp")
    assert "cifar10" in err.lower()


def test_reproducing_compares_with_what_is_committed(workshop, monkeypatch, capsys):
    monkeypatch.setattr("benchmark.running.methods.all_methods", lambda without=(): ["dgl", "greedy_sl"])
    assert "no committed records" in mistake(monkeypatch, capsys, "reproduce", "tiny")
    run("greedy_sl")
    path = Path("results/runs/tiny/greedy_sl/cifar_resnet8-k2-s1.json")
    record = read_record(path)
    better = record.accuracy.model_copy(update={"test_top1": record.accuracy.test_top1 + 60})
    path.write_text(record.model_copy(update={"accuracy": better}).sealed().model_dump_json())
    first = beyond(monkeypatch, capsys, "reproduce", "tiny", "--seeds", "1")
    assert first == (0, "")  # neither the second seed nor dgl, of which nothing is committed
    assert beyond(monkeypatch, capsys, "reproduce", "tiny")[0] == 1
