"""Tasks of a suite: each backbone once a task, and pictures under the groups' numbers."""

import pytest
import torch
from pydantic import ValidationError

from benchmark.engine.load import load_dataset
from benchmark.engine.pictures.data import Dataset, Pictures, load_splits
from benchmark.errors import UserError
from benchmark.running.loaded import dataset_of
from benchmark.schema.suite import Suite

SAID = {
    "title": "Tasks",
    "dataset": "digits",
    "backbones": [{"name": "cifar_resnet8"}],
    "tasks": {"low_high": [[0, 1, 2], [7, 8, 9]], "three_eight": [[3], [8]]},
    "modules": [1],
    "recipe": {"epochs": 1, "batch": 8, "lr": 0.1},
    "seeds": 1,
    "validation": 0.25,
}


def test_a_backbone_stands_once_for_each_task_and_is_read_again_as_it_is():
    suite = Suite.model_validate(SAID)
    assert [b.key for b in suite.backbones] == ["cifar_resnet8_low_high", "cifar_resnet8_three_eight"]
    assert suite.backbones[1].task == "three_eight"
    assert suite.backbones[1].groups == [[3], [8]]
    assert Suite.model_validate(suite.model_dump(mode="json")) == suite
    assert dataset_of(suite, "cifar_resnet8_three_eight").task.classes == 2


def test_a_suite_without_tasks_says_nothing_of_them():
    said = Suite.model_validate({**SAID, "tasks": None}).model_dump(mode="json")
    assert "tasks" not in said
    assert {"task", "groups"}.isdisjoint(said["backbones"][0])


@pytest.mark.parametrize("groups", [[[1, 2], [2, 3]], [[0], [1, 0]], [[1, 2]], [[1], []], [[True], [2]]])
def test_groups_that_tell_nothing_apart_are_refused(groups):
    with pytest.raises(ValidationError):
        Suite.model_validate(SAID | {"tasks": {"bad": groups}})


class Tens(Dataset):
    title, classes, image_size, channels, mean, std = "Tens", 10, 1, 1, (0.5,), (0.5,)

    def load(self, root):
        def part(n):
            return Pictures(torch.arange(10 * n).view(-1, 1, 1, 1).byte(), torch.arange(10 * n) % 10)

        return part(20), part(4), "made"


def test_parts_of_a_task_are_of_the_parts_of_all_classes_under_the_groups_numbers(tmp_path):
    whole = load_splits(Tens(), tmp_path, 0.2)
    task = load_splits(Tens().grouped([[4, 5], [9]]), tmp_path, 0.2)
    assert task.fingerprint == whole.fingerprint  # of all pictures, before any split
    for name, size in (("train", 48), ("validation", 12), ("test", 12)):
        mine, all_of_it = getattr(task, name), getattr(whole, name)
        assert len(mine) == size
        own = {int(p) for p in mine.images.flatten()}
        assert own <= {int(p) for p in all_of_it.images.flatten()}
        assert {p % 10 for p in own} == {4, 5, 9}
        assert all((int(p) % 10 == 9) == bool(y) for p, y in zip(mine.images.flatten(), mine.labels, strict=True))


def test_a_limit_is_of_the_pictures_that_a_task_has_in_proportion(tmp_path):
    few = load_splits(Tens().grouped([[4, 5], [9]]), tmp_path, 0.2, limit=12)
    assert len(few.train) == len(few.test) == 12
    assert few.train.labels.bincount().tolist() == [8, 4]


def test_a_class_that_there_is_none_of_is_said():
    with pytest.raises(UserError, match="no class 12; its classes are 0 to 9"):
        load_dataset("digits").grouped([[1], [12]])
