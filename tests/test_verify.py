"""``beyond verify``: an honest record is confirmed, a wrong one is not, and nobody sees the test labels."""

import json
import shutil

import pandas as pd
import pytest
from conftest import ROOT
from test_run import TINY, beyond, run, workshop, write_suites

from benchmark.again import train_again
from benchmark.engine.cell import run_cell
from benchmark.errors import UserError
from benchmark.record import read_record, write_record
from benchmark.suite import cells, load_suite
from benchmark.verify import claims, sample

__all__ = ["workshop"]
PEEKS = '''"""Looks for the labels of the test split wherever Python can reach, and answers with them."""
import gc
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
        found = [s.test.labels for s in splits if len(s.test.labels) == len(x)]
        return F.one_hot(found[0], self.task.classes).float() if found else super().predict(x)
'''


def record_path(method, seed=0):
    return f"results/runs/tiny/{method}/cifar_resnet8-k2-s{seed}.json"


def test_honest_records_are_confirmed_and_an_inflated_one_is_not(workshop, monkeypatch, capsys):
    run("e2ebp", "greedy_sl")
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


def test_a_method_that_looks_for_the_test_labels_finds_them_only_where_it_is_trusted(workshop):
    (workshop / "methods" / "peeks.py").write_text(PEEKS)
    cell = cells("tiny", load_suite("tiny"), "peeks")[0]
    suite = load_suite("tiny")
    trusted = run_cell(lambda done: None, cell, suite, "")
    assert trusted.accuracy is not None, trusted.error
    assert trusted.accuracy.test_top1 == 100.0  # so that the next line could fail
    assert trusted.accuracy.test_top5 == 100.0
    confined, protections = train_again(lambda done: None, cell, suite, workshop)
    assert confined.status == "ok", confined.error
    assert confined.accuracy.test_top1 < 60.0
    assert "time limit" in protections


@pytest.fixture
def claimed(workshop):
    """Records of two seeds, without training: copies of a committed one under the tiny suite's name."""
    write_suites(workshop, TINY)
    committed = read_record(ROOT / "results/runs/digits/dgl/cifar_resnet8-k2-s0.json")
    for seed in range(2):
        identity = committed.identity.model_copy(update={"suite": "tiny", "seed": seed})
        write_record(committed.model_copy(update={"identity": identity}), workshop / record_path("dgl", seed))
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


def test_a_wrong_name_is_one_sentence(claimed, monkeypatch, capsys):
    code, said = beyond(monkeypatch, capsys, "verify", "tinny")
    assert (code, "There is no suite 'tinny'" in said) == (2, True)
    code, said = beyond(monkeypatch, capsys, "verify", "tiny", "--method", "dlg")
    assert (code, "did you mean dgl" in said) == (2, True)
