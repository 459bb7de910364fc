"""results/methods/*.json: a number stands beside the very file that made it."""

import hashlib
import json
import shutil

from conftest import ROOT
from records import make_record, write_runs

from benchmark.record import read_records
from benchmark.tables.files import write_tables

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
    write_tables(tmp_path, tmp_path / "plugins")
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
    write_tables(tmp_path, tmp_path / "plugins")
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


def test_the_file_behind_every_committed_record_is_shown():
    for record in read_records(ROOT / "results" / "runs"):
        if record.provenance:
            files = json.loads((ROOT / "results" / "methods" / f"{record.identity.method}.json").read_text())["files"]
            assert record.provenance.method_sha256 in files
