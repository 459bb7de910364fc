"""A track from its training to its tables: networks are kept, examined once, and trained again where they are gone."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import small_suite
from tracks_written import identity
from workshop import Watcher, changed, mistake, workshop, write_suites

from benchmark.display.tracks import read_tracks
from benchmark.engine.pictures.data import load_splits
from benchmark.errors import UserError
from benchmark.examinations import labels, roles
from benchmark.examining import predicted, run
from benchmark.examining.agreement import differences
from benchmark.examining.examination import Sat, examination_names, load_examination, options_of
from benchmark.examining.examined import Examined, all_examined, read_examined, write_examined
from benchmark.examining.network import Network
from benchmark.examining.rows import ROW, row_of
from benchmark.examining.run import check_suite, examine_suite
from benchmark.running.cell import builder
from benchmark.running.executors import Local
from benchmark.running.keep import network_file
from benchmark.running.loaded import load
from benchmark.running.networks import Networks
from benchmark.running.run import run_suite
from benchmark.schema.record import Record
from benchmark.schema.suite import Cell, identify, load_suite
from benchmark.tables.files import write_tables
from benchmark.tables.tracks import _failed, tables_of_tracks

__all__ = ["workshop"]
METHODS = ["e2ebp", "untrained"]
NO_CELLS = pd.DataFrame(columns=[*ROW, "seed", "status"])
EXAMINE = {
    "labels": {"per_class": [1], "draws": 2, "steps": 2},
    "roles": {"pictures": 24, "batch": 12, "batches": 2, "probe": 40},
}
TRACK = changed(methods=METHODS, seeds=1, examine=EXAMINE, moments=[0.5], recipe={"epochs": 2, "batch": 32, "lr": 0.05})


class Bar(Watcher):
    def ended(self, cell, line):
        self.trained.append(line)


def examined() -> dict[str, str]:
    return {
        str(path.relative_to("results")): path.read_text() for path in sorted(Path("results").rglob("examined/*/*/*"))
    }


def test_a_track_is_trained_examined_and_not_twice(workshop, monkeypatch):
    write_suites(workshop, TRACK)
    run_suite("tiny", METHODS, Watcher(), executor=Local(1))
    records = {path: path.read_bytes() for path in Path("results/runs").rglob("*.json")}
    kept = sorted(path.name for path in Path(".beyond/networks").rglob("*.safetensors"))
    assert kept == ["00000001.safetensors", "00000002.safetensors"]  # nobody trains the other network

    assert len(examine_suite("tiny", METHODS, Bar(), jobs=1)) == 4
    first = examined()
    found = list(all_examined(Path("results/examined")))
    assert [(e.status, e.error, e.genuine) for e in found] == 4 * [("ok", None, True)]
    of_roles = {e.identity.method: e for e in found if e.examination == "roles"}
    assert list(of_roles["untrained"].beside) == ["e2ebp cifar_resnet8 K=1 seed 0"]
    assert [m["epoch"] for m in of_roles["e2ebp"].block["moments"]] == [0, 1, 2]

    assert examine_suite("tiny", METHODS, Bar(), jobs=1) == []
    edited = Path("results/examined/tiny/untrained/cifar_resnet8-k1-s0.labels.json")
    edited.write_text(edited.read_text().replace('"features": 64', '"features": 65'))
    shutil.rmtree(".beyond/networks")
    bar = Bar()
    examine_suite("tiny", METHODS, bar, jobs=1)
    assert len(bar.trained) == 1  # only the edited one, whose network needs no training
    block = {name: json.loads(text)["block"] for name, text in examined().items()}
    assert block == {name: json.loads(text)["block"] for name, text in first.items()}

    Path("results/examined/tiny/e2ebp/cifar_resnet8-k1-s0.labels.json").unlink()
    bar = Bar()
    examine_suite("tiny", METHODS, bar, jobs=1)
    assert any("trained again" in note for note in bar.notes)
    assert {name: json.loads(text)["block"] for name, text in examined().items()} == block
    assert {path: path.read_bytes() for path in Path("results/runs").rglob("*.json")} == records

    assert check_suite("tiny", ["e2ebp"], Bar(), jobs=1) == []
    one = read_examined(Path("results/examined/tiny/e2ebp/cifar_resnet8-k1-s0.labels.json"))
    failed = one.model_copy(update={"status": "failed", "error": "It fell.", "block": None})
    other = one.model_copy(update={"block": one.block | {"features": 65}})
    monkeypatch.setattr(run, "_examined", lambda *asked: iter([failed, other]))
    says = [line.partition("labels: ")[2] for line in check_suite("tiny", ["e2ebp"], Bar(), jobs=1)]
    assert says == ["It fell.", "1 numbers differ, most features: 65 instead of 64"]
    write_tables()
    labels, cka = pd.read_csv("results/labels.csv"), pd.read_csv("results/roles-cka.csv")
    assert set(labels["head"]) == {"logistic", "mean", "alone"}
    assert set(labels.loc[labels["head"] == "alone", "method"]) == {"e2ebp"}
    assert labels.set_index("method")["seen"].to_dict() == {"e2ebp": "full: 96", "untrained": "none"}
    own = cka[(cka["other"] == "itself") & (cka["place"] == cka["other_place"])]
    assert own["cka"].tolist() == pytest.approx(len(own) * [1])


def test_a_network_is_looked_at_in_the_same_places_however_it_was_cut(digits, tmp_path):
    suite, splits = small_suite(limit=60), load_splits(digits, Path("data"), validation=0.1, limit=60)
    found = {}
    for name, k in (("e2ebp", 1), ("dgl", 4), ("sufficient_labels", 2), ("modular_kernel", 2)):
        cell = Cell(suite="tiny", method=name, variant="", backbone="cifar_resnet8", modules=k, seed=0)
        loaded = load(cell, suite)
        method = builder(cell, suite, digits.task, loaded.method)()
        Networks(method, suite, tmp_path / name, print).heard_by(lambda fraction: None)(1.0)
        record = Record(identity=identify(cell, suite), status="ok", fingerprint="")
        found[name] = Network(cell, suite, loaded, splits, tmp_path / name, record)
    assert {network.places for network in found.values()} == {("act1", "layer1.0", "layer2.0", "layer3.0")}
    shutil.copy(network_file(tmp_path / "dgl", 2), network_file(tmp_path / "dgl", 1))  # of a moment once asked for
    again = Network(found["dgl"].cell, suite, found["dgl"].loaded, splits, tmp_path / "dgl", found["dgl"].record)
    assert again.epochs == [0, 2]
    which = np.array([5, 1, 40])
    ours = {name: network.outputs("validation", which) for name, network in found.items()}  # untrained: all the same
    for place in ours["e2ebp"]:
        assert np.allclose(ours["dgl"][place], ours["e2ebp"][place], atol=1e-5)
        assert np.allclose(ours["sufficient_labels"][place], ours["e2ebp"][place], atol=1e-5)
    whole = found["dgl"].outputs("validation", which, ["layer3.0"], pooled=False)["layer3.0"]
    assert np.allclose(whole.reshape(3, 64, -1).mean(2), ours["dgl"]["layer3.0"], atol=1e-5)
    assert {name: network.hidden_labels for name, network in found.items()} == {
        "e2ebp": {"full": 60},
        "dgl": {"full": 60},
        "sufficient_labels": {"pairs": 60},
        "modular_kernel": {"pairs": 60, "full": 60},  # its output module has blocks, which see all labels
    }


def test_who_asks_for_what_there_is_not_hears_it_before_anything_trains(workshop, monkeypatch, capsys):
    assert "is no track" in mistake(monkeypatch, capsys, "examine", "tiny")
    write_suites(workshop, changed(examine={"lables": {}}))
    assert "did you mean labels" in mistake(monkeypatch, capsys, "run", "tiny")
    write_suites(workshop, changed(examine={"labels": {"drawn": 3}}))
    with pytest.raises(UserError, match=r"tiny\.examine\.labels\.drawn"):
        options_of("tiny", load_suite("tiny"))


def test_a_number_that_moved_is_named_and_rounding_is_not():
    before = {"cka": [[1.0, 0.5]], "other": None, "scores": [{"head": "mean", "test_top1": 50.0}]}
    near = {"cka": [[1.0, 0.50001]], "other": None, "scores": [{"head": "mean", "test_top1": 50.0}]}
    assert differences(before, near) == ""
    moved = {"cka": [[1.0, 0.4]], "other": None, "scores": [{"head": "mean", "test_top1": 51.0}]}
    assert differences(before, moved) == "2 numbers differ, most cka[0][1]: 0.4 instead of 0.5"
    assert "other: e2ebp instead of None" in differences(before, before | {"other": "e2ebp"})
    assert "scores" in differences(before, before | {"scores": []})


def test_numbers_that_an_examination_no_longer_finds_are_named_and_make_no_traceback(tmp_path):
    made = {"git_commit": "", "git_dirty": False, "device": "", "versions": {}, "started_utc": "", "seconds": 1.0}
    who = {"identity": identity("e2ebp", 0), "fingerprint": "", "key": ""}
    asked = {"examination": "labels", "version": 0, "options": {}, "status": "ok"}
    write_examined(Examined(**who, **asked, block={"features": 8}, made=made), tmp_path)
    with pytest.raises(UserError, match=r"net-k1-s0\.labels\.json is not what the examination 'labels' finds today"):
        tables_of_tracks(tmp_path, NO_CELLS)


def test_a_row_says_how_many_of_its_seeds_are_in_no_mean(tmp_path):
    made = {"git_commit": "", "git_dirty": False, "device": "", "versions": {}, "started_utc": "", "seconds": 1.0}
    asked = {"examination": "labels", "version": 1, "options": {}, "fingerprint": "", "key": "", "made": made}
    score = {"head": "mean", "per_class": 1, "draw": 0, "test_top1": 50.0}
    block = {"features": 8, "classes": 4, "training_pictures": 100, "hidden_labels": {}, "scores": [score]}
    for method, seed, ended in (("e2ebp", 0, "ok"), ("e2ebp", 1, "failed"), ("dgl", 0, "ok")):
        found = block if ended == "ok" else None
        write_examined(Examined(identity=identity(method, seed), **asked, status=ended, block=found), tmp_path)
    trained = [row_of(identity("e2ebp", seed)) | {"seed": seed} for seed in range(4)]
    ended = ["ok", "ok", "diverged", "edited"]  # of the seeds, in training
    table = tables_of_tracks(tmp_path, pd.DataFrame(trained).assign(status=ended))["labels"]
    assert dict(zip(table["method"], table["failed"], strict=True)) == {"e2ebp": 3, "dgl": 0}


def test_a_source_that_failed_belongs_to_the_row_of_all_tasks():
    row = row_of(identity("dgl", 0))
    lost = [row | {"backbone": name, "seed": 0} for name in ("net", "net_cat_dog", "network_cat_dog")]
    assert _failed(pd.DataFrame([row]), lost) == [2]


def test_every_examination_says_what_its_page_needs():
    for name in examination_names():
        examination = load_examination(name)
        assert examination.name() == name
        assert examination.title
        assert examination.lead
        assert all(heading and meaning for heading, meaning in examination.columns.values())
        assert examination.takes() is not None  # a suite may leave all options out


def test_what_examining_takes_is_said_as_it_was_measured(monkeypatch):
    suite = small_suite(examine={"labels": {}}, methods=["e2ebp", "dgl"], modules=[2, 4], seeds=1)
    monkeypatch.setattr(predicted, "load_suite", lambda name: suite)

    def took(name, *seconds):
        each = SimpleNamespace(status="ok", examination="labels", identity=SimpleNamespace(suite=name))
        found = [SimpleNamespace(**vars(each), made=SimpleNamespace(seconds=s)) for s in seconds]
        monkeypatch.setattr(predicted, "all_examined", lambda folder: found)
        (sentence,) = predicted.examining_in_words("mine")
        return sentence

    assert "labels of 3 networks, about 1.0 minutes of processor time: measured, 3 in mine" in took("mine", 10, 15, 35)
    assert "3 in other took 15.0 s each (median; 35.0 at most), whose" in took("other", 10, 15, 35)
    assert "minutes" not in took("other", 10, 15, 35)
    assert "is not known" in took("mine")
    monkeypatch.setattr(predicted, "load_suite", lambda name: small_suite())
    assert predicted.examining_in_words("mine") == []


ONE_FILE = """
from benchmark.examining.examination import Examination
from benchmark.examining.rows import ROW, row_of
from benchmark.schema.plain import Strict
from benchmark.schema.record import Part
import pandas as pd

class Options(Strict):
    least: float = 0.0

class Block(Part):
    dead: int

class Dead(Examination[Options, Block]):
    title = "Dead features"
    version = 1
    lead = "How many features never differ?"
    columns = {**ROW, "dead": ("Dead", "features that never differ")}
    takes = Options
    finds = Block

    def examine(self, network, options):
        return Block(dead=3)

    def table(self, found):
        return pd.DataFrame([row_of(sat.cell) | {"dead": sat.block.dead} for sat in found], columns=list(self.columns))
"""


def test_a_further_examination_is_one_file(tmp_path, monkeypatch):
    folder = tmp_path / "examinations"
    folder.mkdir()
    (folder / "dead_features.py").write_text(ONE_FILE)
    monkeypatch.setattr("benchmark.examining.examination.FOLDER", folder)
    monkeypatch.setattr("benchmark.examinations.__path__", [str(folder)])
    assert options_of("mine", small_suite(examine={"dead_features": {"least": 0.5}}))["dead_features"].least == 0.5
    with pytest.raises(UserError, match=r"mine\.examine\.dead_features\.most: Extra inputs are not permitted"):
        options_of("mine", small_suite(examine={"dead_features": {"most": 1}}))
    made = {"git_commit": "", "git_dirty": False, "device": "", "versions": {}, "started_utc": "", "seconds": 1.0}
    asked = {"examination": "dead_features", "version": 1, "options": {}, "status": "ok", "fingerprint": "", "key": ""}
    write_examined(
        Examined(identity=identity("e2ebp", 0), **asked, block={"dead": 3}, made=made), tmp_path / "examined"
    )
    (table,) = tables_of_tracks(tmp_path / "examined", NO_CELLS).values()
    table.to_csv(tmp_path / "dead_features.csv", index=False)
    (track,) = read_tracks(tmp_path).values()
    assert (track.title, track.table["dead"].tolist()) == ("Dead features", [3])


def test_roles_are_of_all_classes_of_pictures_that_are_stored_class_by_class():
    truth = np.repeat(np.arange(10), 50)
    which = roles.of_all_classes(truth, 100)
    assert len(set(which.tolist())) == 100
    assert np.bincount(truth[which]).tolist() == 10 * [10]
    assert set(truth[which[:20]]) == set(range(10))  # a batch of them, too
    assert len(roles.of_all_classes(truth, 10**6)) == 500


def test_pairs_are_counted_beside_other_labels():
    score = labels.Score(head="mean", per_class=1, draw=0, test_top1=50.0)
    kinds = {"full": 10, "pairs": 60}
    block = labels.Block(features=8, classes=4, training_pictures=100, hidden_labels=kinds, scores=[score])
    table = labels.Labels().table([Sat(identity("dgl", 0), block)])
    assert table[["seen", "pairs"]].values.tolist() == [["full: 10, pairs: 60", 60 * 59 // 2]]
