"""A cell on pictures of any size that stay in their files: trained as any other, odd files read or named."""

import pytest
from toy_folder import toy
from workshop import changed, run, workshop, write_suites

from benchmark.engine.load import load_dataset
from benchmark.errors import DataMissing
from benchmark.schema.record import read_record

__all__ = ["toy", "workshop"]


def test_a_suite_of_streamed_pictures_trains(toy):
    write_suites(
        toy.parent,
        changed(dataset="toy", limit=None, seeds=1, validation=0.2, recipe={"epochs": 2, "batch": 8, "lr": 0.05}),
    )
    assert run("dgl").trained == [("dgl", 0, "ok")]
    (path,) = (toy.parent / "results" / "runs" / "tiny" / "dgl").glob("*.json")
    record = read_record(path)
    assert record.provenance.source == "toy-files"
    assert record.provenance.pictures == {"training": 48, "validation": 12, "test": 24}
    assert record.isolation == "verified"


def test_what_does_not_fit_is_named(toy):
    dataset = load_dataset("toy")
    (toy / "val" / "c").rename(toy / "val" / "d")
    with pytest.raises(DataMissing, match=r"The class c is in one part of toy alone"):
        dataset.load(toy.parent)
    (toy / "val" / "d").rename(toy / "val" / "c")
    (toy / "train" / "a" / "notes.txt").touch()
    with pytest.raises(DataMissing, match=r"notes\.txt is no JPEG or PNG picture"):
        dataset.load(toy.parent)
