"""Records outlive the schema that wrote them: committed ones stay genuine, and the same bytes when written again."""

import json
import os
from pathlib import Path

import pytest
from records import make_record

from benchmark.errors import UserError
from benchmark.schema.record import Part, added, read_record, write_record

COMMITTED = sorted(Path(__file__).parents[2].glob("results/runs/*/*/*.json"))


class Old(Part):
    first: int
    second: int | None = None


class New(Old):
    later: str | None = added()


def test_every_committed_record_is_genuine_and_the_same_bytes_when_written_again(tmp_path):
    assert len(COMMITTED) > 200
    for path in COMMITTED:
        record = read_record(path)
        assert record.genuine, path
        write_record(record, tmp_path / path.name)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path


@pytest.mark.parametrize("mode", ["json", "python"])
def test_an_added_field_is_left_out_while_it_is_null_and_stands_where_it_is_not(mode):
    assert New(first=1).model_dump(mode=mode) == Old(first=1).model_dump(mode=mode) == {"first": 1, "second": None}
    assert New(first=1).model_dump_json() == Old(first=1).model_dump_json()
    assert New(first=1, later="x").model_dump(mode=mode) == {"first": 1, "second": None, "later": "x"}


def test_an_added_field_that_says_something_is_under_the_digest(tmp_path):
    record = make_record()
    precise = record.model_copy(update={"provenance": record.provenance.model_copy(update={"precision": "float32"})})
    assert not precise.genuine
    write_record(precise, tmp_path / "record.json")
    assert read_record(tmp_path / "record.json").genuine
    assert read_record(tmp_path / "record.json").provenance.precision == "float32"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "Input should be an object"),
        ("{", "Invalid JSON"),
        ('{"status": "fine"}', "identity: Field required"),
        ("\ufeff{}", "Invalid JSON"),
    ],
)
def test_what_is_no_record_is_one_sentence_that_says_where(tmp_path, text, reason):
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        UserError, match=rf"^\S+record.json is not a record \({reason}.*\); bring it back .* delete it and run"
    ):
        read_record(path)


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"weather": "fine"}])
def test_who_has_a_record_of_a_newer_version_is_not_told_to_delete_it(tmp_path, change):
    path = tmp_path / "record.json"
    path.write_text(json.dumps(make_record().sealed().model_dump(mode="json") | change))
    with pytest.raises(UserError, match="update this checkout") as told:
        read_record(path)
    assert "delete" not in str(told.value)


def test_of_a_pipe_or_an_enormous_file_no_record_is_read(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UserError, match="is not a record \\(it is a pipe or a device"):
        read_record(tmp_path / "pipe.json")
    monkeypatch.setattr("benchmark.schema.record.LARGEST", 2**10)
    (tmp_path / "large.json").write_text(" " * 2**11)
    with pytest.raises(UserError, match="is not a record \\(it is larger than 1 KiB"):
        read_record(tmp_path / "large.json")
