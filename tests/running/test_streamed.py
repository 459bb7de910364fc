"""A cell on pictures of any size that stay in their files: trained as any other, odd files read or named."""

import pytest
from conftest import small_suite
from toy_folder import toy
from workshop import changed, run, workshop, write_suites

from benchmark.engine.load import dataset_of, load_dataset
from benchmark.errors import DataMissing, UserError
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


def test_a_suite_says_where_pictures_of_ones_own_lie_and_what_they_are():
    here = {"path": "some/flowers", "classes": 3, "image": 32}
    task = dataset_of(small_suite(dataset="image_folder", folder=here)).task
    assert (task.classes, task.image_size) == (3, 32)
    with pytest.raises(UserError, match="image_folder lies where its suite says"):
        dataset_of(small_suite(dataset="image_folder"))
    with pytest.raises(UserError, match="digits lies where its own file says"):
        dataset_of(small_suite(folder=here))
    for path in ("../flowers", "/flowers", "some/../../flowers"):
        with pytest.raises(ValueError, match="path"):
            small_suite(dataset="image_folder", folder={**here, "path": path})
