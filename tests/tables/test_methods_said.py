"""results/methods/*.json: a number stands beside the very file that made it."""

import hashlib
import json
import shutil
import subprocess

import pytest
from conftest import ROOT
from records import make_record, write_own_tables, write_runs

from benchmark.schema.record import read_records
from benchmark.tables.methods_said import _candidates

TEXT = """class A(Method):
    title = "A"
    paper = "https://a"
    authors = "A"
    year = 1999
    family = "end-to-end"
"""


def record_of(text):
    record = make_record("mine", 2, 0, 80.0)
    sha = hashlib.sha256(text.encode()).hexdigest()
    return record.model_copy(
        update={"provenance": record.provenance.model_copy(update={"method_sha256": sha})}
    ).sealed()


def said(tmp_path):
    write_own_tables(tmp_path, tmp_path / "plugins")
    return json.loads((tmp_path / "methods" / "mine.json").read_text())


def test_the_file_of_a_record_is_kept_when_it_changes_and_goes(tmp_path):
    (tmp_path / "plugins").mkdir()
    path = tmp_path / "plugins" / "mine.py"
    path.write_text(TEXT)
    write_runs(tmp_path / "runs", record_of(TEXT))
    first = said(tmp_path)
    assert [file["source"] for file in first["files"].values()] == [TEXT]
    assert first["authors"] == "A"
    path.write_text(TEXT.replace("1999", "2001"))
    assert said(tmp_path)["files"] == first["files"]
    assert said(tmp_path)["year"] == 2001
    shutil.rmtree(tmp_path / "plugins")
    assert said(tmp_path)["files"] == first["files"]
    shutil.rmtree(tmp_path / "runs")
    write_own_tables(tmp_path, tmp_path / "plugins")
    assert not (tmp_path / "methods" / "mine.json").exists()


def test_a_kept_file_that_was_edited_is_not_shown(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(TEXT)
    write_runs(tmp_path / "runs", record_of(TEXT))
    said(tmp_path)
    (tmp_path / "plugins" / "mine.py").unlink()
    path = tmp_path / "methods" / "mine.json"
    path.write_text(path.read_text().replace("1999", "2000"))
    assert said(tmp_path)["files"] == {}


def test_a_text_of_the_same_code_is_shown_as_an_edition_of_the_first(tmp_path):
    (tmp_path / "plugins").mkdir()
    path = tmp_path / "plugins" / "mine.py"
    texts = [TEXT, "# reworded\n" + TEXT, "# reworded again\n" + TEXT]
    for text in texts:
        path.write_text(text)
        write_runs(tmp_path / "runs", record_of(text))
        files = said(tmp_path)["files"]
    first = record_of(TEXT).provenance.method_sha256
    told = {file["source"]: file.get("edition_of") for file in files.values()}
    assert told == {TEXT: None, texts[-1]: first}  # the first, which no record names now, to be compared with
    assert list(files) == sorted(files)


@pytest.mark.parametrize("commit", ["--output=stolen", "HEAD", "0" * 41, "", "abc123", "ABCDEF0"])
def test_git_is_asked_for_nothing_but_a_commit(tmp_path, monkeypatch, commit):
    asked = []
    monkeypatch.setattr(subprocess, "run", lambda command, **more: asked.append(command))
    assert list(_candidates("mine", commit, None, tmp_path)) == []
    assert asked == []


def test_the_file_of_an_old_commit_is_found():
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    assert any("End-to-end backpropagation" in text for text in _candidates("e2ebp", commit, None, ROOT / "no"))


def test_the_file_behind_every_committed_record_is_shown():
    for record in read_records(ROOT / "results" / "runs"):
        if record.provenance:
            files = json.loads((ROOT / "results" / "methods" / f"{record.identity.method}.json").read_text())["files"]
            assert record.provenance.method_sha256 in files


def test_recipe_and_what_may_be_tuned_are_shown_and_a_range_is_no_list_of_choices(tmp_path):
    (tmp_path / "plugins").mkdir()
    tuned = '    defaults = {"a": 1, "b": 1}\n    recipe = {"epochs": 9}\n    tunes = {"a": (0.1, 2), "b": [1, 2]}\n'
    (tmp_path / "plugins" / "mine.py").write_text(TEXT + tuned)
    found = said(tmp_path)
    assert found["recipe"] == {"epochs": 9}
    assert found["tunes"] == {"a": {"low": 0.1, "high": 2}, "b": [1, 2]}
