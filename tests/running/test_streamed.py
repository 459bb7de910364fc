"""Data sets of pictures that stay in their files; tests/verifying/test_verify_streamed.py trains on them, twice."""

import pytest
from conftest import small_suite
from toy_folder import toy
from workshop import workshop

from benchmark.engine.load import dataset_of, load_dataset
from benchmark.errors import DataMissing, UserError

__all__ = ["toy", "workshop"]


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
