"""``beyond verify``: an honest record is confirmed, a wrong one is not, and nobody sees the test labels."""

import errno
import json
import math
import os
import shutil
import subprocess
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from needs import needs
from records import make_record
from workshop import TINY, beyond, mistake, run, workshop, write_suites

from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.pictures.data import Pictures, load_splits
from benchmark.engine.pictures.loader import MemoryLoader
from benchmark.engine.training.evaluate import split_logits
from benchmark.errors import UserError
from benchmark.running.cell import builder
from benchmark.running.launch import Crash, run_one
from benchmark.running.machine import machine
from benchmark.sandbox import bubblewrap
from benchmark.sandbox.run import Ending
from benchmark.schema.fingerprint import package_versions
from benchmark.schema.plugins import file_sha256
from benchmark.schema.record import Identity, read_record, write_record
from benchmark.schema.suite import PROTOCOL, cells, load_suite
from benchmark.tables import files
from benchmark.tables.people import person
from benchmark.tables.trust import AUTHORS, OTHERS
from benchmark.tables.verification import standings
from benchmark.verifying import again_worker, all_again, verify
from benchmark.verifying.again import _answers, _Listener, _record, _Refused, _Trial, train_again
from benchmark.verifying.all_again import runnable
from benchmark.verifying.verify import claims, sample, too_high

__all__ = ["workshop"]
PEEKS = '''"""Looks for the labels of the test split wherever Python can reach, and answers with them."""
import gc
import torch
import torch.nn.functional as F
from benchmark import LocalMethod, heads

class Peeks(LocalMethod):
    title = "Peeks"
    paper = "https://example.org"
    authors = "Nobody"
    year = 2026

    def auxiliary(self, k):
        return None if k == self.last else heads.LinearHead(self.outputs[k], self.task.classes)

    def local_loss(self, k, h, batch):
        return F.cross_entropy(self.auxiliaries[k](h), batch.y)

    def predict(self, x):
        splits = [o for o in gc.get_objects() if type(o).__name__ == "Splits"]
        tests = [s.test for s in splits if len(s.test.labels)]
        if not tests:
            return self.from_the_package(x)
        known = (tests[0].images.float() / 255 - self.task.mean[0]) / self.task.std[0]
        nearest = torch.cdist(x.flatten(1), known.flatten(1)).argmin(1)
        return F.one_hot(tests[0].labels[nearest], self.task.classes).float()

    def from_the_package(self, x):
        from sklearn.datasets import load_digits
        try:
            labels = torch.from_numpy(load_digits().target)
        except (OSError, ValueError, EOFError):
            return super().predict(x)
        raise RuntimeError(f"{len(labels)} labels are in reach")
'''
CARRIES_OFF = '''"""In the repository it carries a file off; in the sandbox it leaves a link where the exam comes."""
import os
from pathlib import Path

if Path("suites.yaml").exists():
    Path("@LOOT@").write_text(Path("suites.yaml").read_text())
elif not os.path.lexists("exam.pt"):
    try:
        Path("exam.pt").symlink_to("@VICTIM@")
    except PermissionError:  # seccomp
        pass
'''

ENSEMBLE = (
    PEEKS[: PEEKS.index("    def predict")].replace("Peeks", "Ensemble")
    + """
    def predict(self, x):
        *_, h, logits = self.chain(x)
        return logits + self.auxiliaries[0](h)
"""
)


def record_path(method, seed=0):
    return f"results/runs/tiny/{method}/cifar_resnet8-k2-s{seed}.json"


def test_honest_records_are_confirmed_and_an_inflated_one_is_not(workshop, monkeypatch, capsys):
    run("greedy_sl")
    path = workshop / record_path("greedy_sl")
    record = read_record(path)
    better = record.accuracy.model_copy(update={"test_top1": record.accuracy.test_top1 + 60})
    write_record(record.model_copy(update={"accuracy": better}), path)
    code, said = beyond(monkeypatch, capsys, "verify", "tiny", "--method", "greedy_sl", "--sample", "2")
    assert code == 1, said
    board = pd.read_csv("results/leaderboard.csv")
    assert board.loc[board["method"] == "greedy_sl", "verification"].tolist() == ["failed"]
    outcomes = [json.loads(p.read_text()) for p in sorted((workshop / "results/verified/tiny/greedy_sl").iterdir())]
    assert [o["verdict"] for o in outcomes] == ["failed", "verified"]
    assert outcomes[1]["again_top1"] == outcomes[1]["committed_top1"]
    assert "test accuracy differs by 60.00 points." in outcomes[0]["faults"]
    assert not list((workshop / ".beyond/verify").iterdir())


def test_a_method_that_looks_for_the_test_labels_finds_them_where_it_is_trusted(workshop):
    """So that the next test could fail."""
    (workshop / "methods" / "peeks.py").write_text(PEEKS)
    suite = load_suite("tiny")
    trusted = run_one("benchmark.running.cell:run_cell", cells("tiny", suite, "peeks")[0], suite, "")
    assert trusted.accuracy is not None, trusted.error
    assert (trusted.accuracy.test_top1, trusted.accuracy.test_top5) == (100.0, 100.0)


def test_in_the_sandbox_it_finds_none_but_those_of_an_installed_package_without_bubblewrap(workshop, monkeypatch):
    monkeypatch.setattr(bubblewrap, "refusal", lambda: "switched off by a test")
    (workshop / "methods" / "peeks.py").write_text(PEEKS)
    suite = load_suite("tiny")
    record, protections = train_again(lambda done: None, cells("tiny", suite, "peeks")[0], suite, workshop)
    assert "time limit" in protections
    assert "bubblewrap" not in protections
    assert record.status == "failed"
    assert "1797 labels are in reach" in record.error


@needs("bwrap")
def test_a_file_sees_the_sandbox_only_finds_no_label_there_and_its_links_are_not_followed(claimed, monkeypatch, capsys):
    loot, victim = claimed.parent / "loot", claimed.parent / "victim"
    victim.write_text("precious")
    path = claimed / "methods" / "dgl.py"
    path.write_text(PEEKS + CARRIES_OFF.replace("@LOOT@", str(loot)).replace("@VICTIM@", str(victim)))
    for record_file in (claimed / "results/runs/tiny/dgl").iterdir():
        record = read_record(record_file)
        origin = record.provenance.model_copy(update={"method_sha256": file_sha256(path)})
        write_record(record.model_copy(update={"provenance": origin}), record_file)
    beyond(monkeypatch, capsys, "verify", "tiny", "--method", "dgl", "--sample", "1")
    (outcome,) = (json.loads(p.read_text()) for p in (claimed / "results/verified/tiny/dgl").iterdir())
    assert 0 < outcome["again_top1"] < 60.0, outcome  # it ran to its end, and knew no label
    assert "bubblewrap" in outcome["protections"]
    assert not loot.exists()
    assert victim.read_text() == "precious"


def test_what_is_no_table_is_no_answer(tmp_path):
    good = np.zeros((3, 2), dtype=np.float32)
    np.save(tmp_path / "good.npy", good)
    assert _answers(tmp_path / "good.npy", 3, 2).shape == (3, 2)
    np.savez(tmp_path / "several.npz", a=good)
    np.save(tmp_path / "whole.npy", good.astype(np.int64))
    np.save(tmp_path / "short.npy", good[:2])
    np.save(tmp_path / "narrow.npy", good[:, :1])
    np.save(tmp_path / "flat.npy", good.ravel())
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "good.npy")
    (tmp_path / "empty").touch()
    wrong = ("several.npz", "whole.npy", "short.npy", "narrow.npy", "flat.npy", "pipe", "link", "empty", "missing")
    for name in wrong:
        with pytest.raises(_Refused, match=r"It gave no answers\."):
            _answers(tmp_path / name, 3, 2)


def test_who_looks_at_more_than_the_picture_gets_no_accuracy(workshop):
    shutil.copy(ROOT / "tests" / "hostile" / "remembers_answers.py", workshop / "methods")
    suite = load_suite("tiny")
    record, _ = train_again(lambda done: None, cells("tiny", suite, "remembers_answers")[0], suite, workshop)
    assert (record.status, record.accuracy) == ("failed", None)
    assert "The prediction for a picture hangs on more than the picture: " in record.error


@pytest.fixture
def trial(workshop):
    suite = load_suite("tiny")
    splits = load_splits(load_dataset("digits"), workshop, suite.validation, suite.limit)
    trial = _Trial(workshop / "trial", cells("tiny", suite, "dgl")[0], suite, splits)
    trial.first.mkdir(parents=True)
    return trial


def test_weights_are_taken_once_before_the_test_pictures_are_shown(trial):
    (trial.first / "weights.pt").write_bytes(b"trained")
    trial._hand_out()
    exam = torch.load(trial.first / "exam.pt")
    assert trial.weights.read_bytes() == b"trained"
    assert sum(exam["sizes"]) == len(exam["images"]) == 96
    (trial.first / "weights.pt").write_bytes(b"written with the exam at hand")
    (trial.first / "exam.pt").unlink()
    trial._hand_out()
    assert trial.weights.read_bytes() == b"trained"
    assert not (trial.first / "exam.pt").exists()


def test_weights_and_exam_may_fill_the_scratch_folder(trial, monkeypatch):
    asked = []
    monkeypatch.setattr("benchmark.verifying.again.run_sandboxed", lambda *_, limits, **__: asked.append(limits))
    trial._run(trial.first, [], 1.0, lambda message: None)
    assert asked[0].written >= 2 * asked[0].file_size + trial.splits.test.images.nbytes


def test_who_gives_no_weights_before_the_exam_gives_none(trial):
    (trial.first / "weights.pt").symlink_to(ROOT / "README.md")
    trial._hand_out()
    (trial.first / "weights.pt").unlink()
    (trial.first / "weights.pt").write_bytes(b"too late")
    trial._hand_out()
    np.save(trial.first / "answers.npy", np.zeros((96, 10), dtype=np.float32))
    record = trial.judged(make_record())
    assert (record.status, record.error) == ("failed", "It gave no weights.")


def test_the_order_of_the_test_pictures_cannot_be_foretold_and_is_undone(trial, monkeypatch):
    trial._hand_out()
    images = torch.load(trial.first / "exam.pt")["images"]
    assert torch.equal(images, trial.splits.test.images[trial.order])
    assert trial.order.sort().values.tolist() == list(range(96)) != trial.order.tolist()
    others = _Trial(trial.first, trial.cell, trial.suite, trial.splits)
    assert not torch.equal(others.order, trial.order)
    answers = torch.nn.functional.one_hot(trial.splits.test.labels[trial.order], 10).float()
    np.save(trial.first / "answers.npy", answers.numpy())
    monkeypatch.setattr(trial, "_examine_alone", lambda found: None)
    assert trial.judged(make_record()).accuracy.test_top1 == 100.0
    answers[7, 2] = float("nan")
    np.save(trial.first / "answers.npy", answers.numpy())
    record = trial.judged(make_record())
    assert (record.status, record.accuracy) == ("diverged", None)
    assert record.error == "The logits of 1 of 96 test pictures are not finite."


def test_of_what_a_process_says_only_what_fits_is_heard():
    heard = []
    listener = _Listener(heard.append, lambda: heard.append("exam"))
    for message in (*({"progress": x} for x in (0.5, math.nan, math.inf, -1.0, "1")), {"junk": 1}, {"trained": 1.5}):
        listener.hear(message)
    assert heard == [0.5]
    listener.hear({"trained": True})
    listener.hear({"record": {"a": 1}, "junk": 2})
    assert (heard, listener.record) == ([0.5, "exam"], {"a": 1})


@pytest.fixture
def claimed(workshop):
    """Records of two seeds, without training: a committed one under the tiny suite's name, of today's files."""
    write_suites(workshop, TINY)
    committed = read_record(ROOT / "results/runs/digits/dgl/cifar_resnet8-k2-s0.json")
    for seed in range(2):
        identity = committed.identity.model_copy(update={"suite": "tiny", "seed": seed, "protocol": PROTOCOL})
        made_from = committed.provenance.model_copy(update={"method_sha256": file_sha256(workshop / "methods/dgl.py")})
        update = {"identity": identity, "provenance": made_from, "recipe": None}
        write_record(committed.model_copy(update=update), workshop / record_path("dgl", seed))
    return workshop


def test_a_sample_prefers_what_nobody_has_verified(claimed):
    found, unfit = claims(["tiny"], [])
    assert (len(found), unfit) == (2, [])
    done = found[0].record
    told = {"verdict": "verified", "faults": [], "committed_top1": 1, "again_top1": 1, "tolerance": 1}
    told |= {"protections": [], "git_commit": "", "device": "", "started_utc": ""}
    path = claimed / "results/verified/tiny/dgl/x.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"identity": done.identity.model_dump(), "digest": done.digest} | told))
    for _ in range(8):
        assert sample(found, 1)[0].record.digest == found[1].record.digest


def test_no_memory_or_time_here_says_nothing_of_a_record(claimed, monkeypatch, capsys):
    crash = Crash("timeout", "Stopped after 1 minutes, the limit of one cell.")
    monkeypatch.setattr(all_again, "run_jobs", lambda jobs, *others: ((job.key, crash) for job in jobs))
    code, _ = beyond(monkeypatch, capsys, "verify", "tiny", "--sample", "1")
    assert code == 1
    lines = []
    watcher = SimpleNamespace(
        begin=lambda *_: None, progress=None, ended=lambda cell, line: lines.append(line), note=print
    )
    assert list(verify.verify(claims(["tiny"], [])[0], watcher)) == []
    assert lines[0].endswith("seed 0: no outcome: Stopped after 1 minutes, the limit of one cell.")
    assert not list((claimed / "results").glob("verified/*/*/*.json"))
    assert pd.read_csv("results/leaderboard.csv")["verification"].tolist() == ["never"]


def test_an_outcome_that_cannot_be_written_is_told_and_what_can_be_known_before_costs_no_training(
    claimed, monkeypatch, capsys
):
    (claim, _), _ = claims(["tiny"], [])
    (claimed / "results" / "verified").touch()
    monkeypatch.setattr(all_again, "run_jobs", lambda *_: pytest.fail("nothing is to be trained"))
    said = mistake(monkeypatch, capsys, "verify", "tiny")
    assert said.startswith("Nothing was trained: results/verified/tiny/dgl cannot be read or written")
    (claimed / "results" / "verified").unlink()
    told = []
    watcher = SimpleNamespace(begin=print, progress=None, ended=lambda cell, line: told.append(line), note=print)
    monkeypatch.setattr(all_again, "run_jobs", lambda jobs, *others: ((job.key, (claim.record, [])) for job in jobs))
    monkeypatch.setattr(verify, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        list(verify.verify([claim], watcher))
    assert "seed 0: verified: " in told[0]
    monkeypatch.setattr(files, "write_text", full)
    said = mistake(monkeypatch, capsys, "verify", "tiny", "--sample", "1")
    assert said.startswith("results/verified/tiny/dgl/"), "what stopped it, and not what stopped its tables"


def full(text, path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_elsewhere_the_tolerance_comes_from_the_suites_other_methods(claimed):
    first = read_record(claimed / record_path("dgl", 0))
    for method, points in (("dgl", 40.0), ("fa", 0.6)):
        for seed in (1, 2):
            identity = first.identity.model_copy(update={"method": method, "modules": 4, "seed": seed})
            accuracy = first.accuracy.model_copy(update={"test_top1": 90 - points * seed})
            record = first.model_copy(update={"identity": identity, "accuracy": accuracy})
            write_record(record, claimed / f"results/runs/tiny/{method}/cifar_resnet8-k4-s{seed}.json")
    found, _ = claims(["tiny"], ["dgl"])
    assert [c.elsewhere for c in found] == [pytest.approx(3 * 0.6 / 2**0.5)] * 2


def concluded(claim, again, monkeypatch):
    """The outcome of a second training that ended as the record ``again``."""
    monkeypatch.setattr(all_again, "run_jobs", lambda jobs, *others: ((job.key, (again, [])) for job in jobs))
    watcher = SimpleNamespace(begin=lambda *_: None, progress=None, ended=lambda *_: None, note=lambda line: None)
    return next(verify.verify([claim], watcher))


def moved(record, points, **origin):
    accuracy = record.accuracy.model_copy(update={"test_top1": record.accuracy.test_top1 + points})
    provenance = record.provenance.model_copy(update=origin)
    return record.model_copy(update={"accuracy": accuracy, "provenance": provenance})


def test_on_the_same_device_half_a_point_is_allowed_and_elsewhere_more(claimed, monkeypatch):
    (claim, _), _ = claims(["tiny"], [])
    assert claim.elsewhere == 2.0  # nobody else scatters
    here = [concluded(claim, moved(claim.record, points), monkeypatch) for points in (-0.4, -0.6)]
    assert [(o.verdict, o.tolerance) for o in here] == [("verified", 0.5), ("failed", 0.5)]
    there = [concluded(claim, moved(claim.record, p, device="Other CPU"), monkeypatch) for p in (-1.9, -2.1)]
    assert [(o.verdict, o.tolerance) for o in there] == [("verified", 2.0), ("failed", 2.0)]


@needs("git")
def test_an_outcome_says_who_ran_it_and_whose_the_record_is(claimed, monkeypatch):
    for key, value in {"name": "Ada", "email": "ada@example.org"}.items():
        monkeypatch.delenv(f"GIT_AUTHOR_{key.upper()}", raising=False)
        git_here("config", f"user.{key}", value, init=key == "name")
    (claim, _), _ = claims(["tiny"], [])
    agreed = moved(claim.record, 0.0)
    assert concluded(claim, agreed, monkeypatch).records_by is None  # nobody has committed it
    assert standing_of(claim) == AUTHORS
    git_here("add", "results/runs")
    git_here("commit", "-qm", "Record dgl")
    own = concluded(claim, agreed, monkeypatch)
    assert (own.by, own.records_by) == (person("Ada <ada@example.org>"), [person("Ada <ada@example.org>")])
    assert standing_of(claim) == AUTHORS
    git_here("config", "user.name", "Bo")
    assert standing_of(claim, agreed, monkeypatch) == AUTHORS  # the address is the same
    git_here("config", "user.email", "bo@example.org")
    assert standing_of(claim, agreed, monkeypatch) == OTHERS
    said = (claimed / "results/verified/tiny/dgl/cifar_resnet8-k2-s0.json").read_text()
    assert '"name": "Bo"' in said
    assert "@" not in said
    assert os.uname().nodename not in said


def git_here(*arguments, init=False):
    if init:
        subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", *arguments], check=True)


def standing_of(claim, again=None, monkeypatch=None):
    """How the claim's record stands, after another training of it if there is one."""
    if again:
        concluded(claim, again, monkeypatch)
    return standings(verify.VERIFIED, [claim.record])[0].verification


def test_cells_that_are_all_too_high_fail_their_row_though_each_may_differ(claimed, monkeypatch, capsys):
    found, _ = claims(["tiny"], [])
    for claim in found:
        assert concluded(claim, moved(claim.record, -0.4), monkeypatch).verdict == "verified"
    (sentence,) = too_high(found, found[:1])
    assert sentence == (
        "tiny dgl cifar_resnet8 K=2: failed: its 2 cells trained again were recorded 0.40 points too high on average, "
        "and chance explains 0.35."
    )
    monkeypatch.setattr(
        all_again, "run_jobs", lambda jobs, *o: ((j.key, (moved(found[0].record, -0.4), [])) for j in jobs)
    )
    code, _ = beyond(monkeypatch, capsys, "verify", "tiny", "--sample", "1")
    assert code == 1
    assert pd.read_csv("results/leaderboard.csv")["verification"].tolist() == ["failed"]
    concluded(found[1], moved(found[1].record, 0.4), monkeypatch)
    assert too_high(found, found) == []


@pytest.mark.parametrize("name", ["greedy_sl", "untrained", "ensemble"])
def test_the_second_process_predicts_from_the_weights_alone_and_none_that_are_thrown_away(workshop, name):
    (workshop / "methods" / "ensemble.py").write_text(ENSEMBLE)
    suite = load_suite("tiny")
    cell = cells("tiny", suite, name)[0]
    (workshop / "job.json").write_text(json.dumps({"cell": cell.model_dump(), "suite": suite.model_dump(mode="json")}))
    digits = load_dataset("digits")
    trained = builder(cell.model_copy(update={"seed": 9}), suite, digits.task, load_method(name))()
    torch.save([trained.modules.state_dict(), trained.auxiliaries.state_dict()], "weights.pt")
    images = load_splits(digits, workshop, 0.1, 12).test.images
    torch.save({"images": images, "sizes": [1, 7, 4]}, "exam.pt")
    again_worker.main(lambda message: None, ["second"])
    loader = MemoryLoader(Pictures(images, torch.zeros(12, dtype=torch.int64)), digits, 12, train=False)
    answers = _answers(workshop / "answers.npy", 12, 10)
    if name == "ensemble":
        assert answers.isnan().all()
    else:
        assert torch.allclose(answers, split_logits(trained, loader), atol=1e-5)


def test_where_it_was_trained_again_is_not_what_the_process_says(workshop, monkeypatch):
    said = make_record().model_copy(update={"accuracy": None})
    monkeypatch.setattr(_Trial, "training", lambda trial, report: said)
    suite = load_suite("tiny")
    record, _ = train_again(lambda done: None, cells("tiny", suite, "dgl")[0], suite, workshop)
    assert record.provenance.device == machine("cpu")["device"] != said.provenance.device
    assert record.provenance.versions == package_versions()


def test_a_suite_that_cannot_run_here_is_passed_over(claimed):
    write_suites(claimed, TINY | {"big": TINY["tiny"] | {"device": "cuda"}})
    record = read_record(claimed / record_path("dgl", 0))
    big = record.model_copy(update={"identity": record.identity.model_copy(update={"suite": "big"})})
    write_record(big, claimed / "results/runs/big/dgl/cifar_resnet8-k2-s0.json")
    found, (sentence,) = runnable(claims([], [])[0])
    assert {claim.cell.suite for claim in found} == {"tiny"}
    assert sentence.startswith("big: Suite 'big' needs a CUDA GPU")
    with pytest.raises(UserError, match=r"nothing to verify\. big: Suite 'big' needs"):
        runnable(claims(["big"], [])[0])


def test_what_cannot_be_verified_is_said(claimed):
    edited = claimed / record_path("dgl", 0)
    edited.write_text(edited.read_text().replace('"seed": 0', '"seed": 7'))
    found, (sentence,) = claims(["tiny"], [])
    assert len(found) == 1
    assert "was edited" in sentence
    (claimed / "methods" / "dgl.py").write_text((claimed / "methods" / "dgl.py").read_text() + "# changed\n")
    with pytest.raises(UserError, match=r"nothing to verify.*"):
        claims(["tiny"], [])
    shutil.rmtree(claimed / "results" / "runs")
    with pytest.raises(UserError, match="nothing to verify"):
        claims([], [])


def test_a_record_by_other_options_than_todays_is_not_put_to_the_test(claimed):
    smooth = {"overrides": [{"method": "dgl", "options": {"hidden": 7}}]}
    write_suites(claimed, {"tiny": TINY["tiny"] | smooth})
    with pytest.raises(UserError, match=r"its options are not today's; `beyond run tiny --method dgl` trains it anew"):
        claims(["tiny"], [])


def test_lines_tell_recipes_and_references_apart():
    row = {"suite": "s", "dataset": "d", "backbone": "b", "stem": "native", "method": "e2ebp", "family": "end-to-end"}
    names = [
        verify._name(Identity(**row, modules=1, seed=0, protocol=2, **which))
        for which in ({}, {"recipe": "tuned"}, {"recipe": "tuned", "times": 0.5})
    ]
    assert names == ["s e2ebp b K=1 seed 0", "s e2ebp b K=1 tuned seed 0", "s e2ebp b K=1 tuned 0.5 x epochs seed 0"]


def test_a_wrong_name_is_one_sentence(claimed, monkeypatch, capsys):
    code, said = beyond(monkeypatch, capsys, "verify", "tinny")
    assert (code, "There is no suite 'tinny'" in said) == (2, True)
    code, said = beyond(monkeypatch, capsys, "verify", "tiny", "--method", "dlg")
    assert (code, "did you mean dgl" in said) == (2, True)


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("options", [{"a": "\ud800"}, {"a": nested(400)}], ids=["half a character", "nested"])
def test_a_record_that_could_not_be_written_is_none(options):
    suite = load_suite("digits")
    cell = cells("digits", suite, "dgl")[0]
    said = json.loads((ROOT / "results/runs/digits/dgl/cifar_resnet8-k2-s0.json").read_text())
    done = Ending("done", "It ran to its end.")
    assert _record(said, done, cell, suite).status == "ok"
    assert _record(said | {"options": options}, done, cell, suite).error == "It ended without a record."


@pytest.mark.parametrize("shape", [(10**12, 5), (10**12,), (2**31, 2**31), (0, 5), (3, 0), (), (-1, 5), (3, 5)])
def test_a_table_is_as_large_as_its_file_whatever_its_header_says(tmp_path, shape):
    with open(tmp_path / "answers.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        file.truncate(2**28)
    tracemalloc.start()
    with pytest.raises(_Refused, match="no answers"):
        _answers(tmp_path / "answers.npy", 3, 5)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_progress_is_passed_on_as_it_grows():
    heard = []
    listener = _Listener(heard.append, lambda: None)
    for done in (0.1, 0.1, 0.05, 0.1 + 1e-9, 0.2, 1.0, 1.0, 0.5):
        listener.hear({"progress": done})
    assert heard == [0.1, 0.2, 1.0]
