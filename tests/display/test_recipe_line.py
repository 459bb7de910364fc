"""A suite's recipe in a sentence, as a reader finds it beside the numbers."""

from conftest import ROOT

from benchmark.display.recipe_line import recipe_line
from benchmark.engine.pictures.data import Dataset
from benchmark.schema.plugins import AUGMENTATION, data_set_literals

RECIPE = {"epochs": 4, "batch": 128, "optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4, "warmup_epochs": 1.0}
SUITE = {
    "dataset": "clothes",
    "data": {"title": "Clothes", "pad": 2, "padding": "constant", "flip": True},
    "pictures": {"training": 54_000, "validation": 6_000, "test": 10_000},
    "recipe": RECIPE,
    "seeds": {"tuned": 3, "shared": 1},
    "tune": {"configurations": 10, "share": 0.2},
    "validation": 0.1,
}


def test_a_tuned_suite_says_what_was_tuned_for_whom_on_what_split():
    assert recipe_line(SUITE) == (
        "Clothes: 54,000 training, 6,000 validation and 10,000 test pictures. Each module is trained for 4 epochs in "
        "batches of 128, in fp32. Augmentation: random crops after padding by 2 pixels and random mirroring. "
        "Optimiser, learning rate, weight decay and up to two options of its own were chosen for every method, "
        "end-to-end backpropagation included, from 10 tries each at the largest K, on the validation pictures; the "
        "first try of all is the shared recipe: SGD with Nesterov’s momentum, learning rate 0.1, weight decay 0.0005, "
        "a cosine schedule after a warm-up of 1 epoch."
    )


def test_a_papers_suite_without_counted_pictures_says_what_it_knows():
    paper = RECIPE | {"epochs": 1, "optimizer": "rmsprop", "schedule": "constant", "warmup_epochs": 0.0}
    said = SUITE | {"seeds": {"paper": 1}, "recipe": paper, "pictures": None, "data": {}}
    assert recipe_line(said | {"augment": {"pad": 0, "padding": "reflect", "flip": False}}) == (
        "clothes, with 10 % of the training pictures held out for validation. Each module is trained for 1 epoch in "
        "batches of 128, in fp32. rmsprop, learning rate 0.1, weight decay 0.0005, a constant rate. "
        "Augmentation: none. Nothing was tuned: the recipe is a paper’s."
    )
    assert "Augmentation" not in recipe_line(said)  # nobody says what it was


def test_what_another_version_wrote_has_no_line():
    assert recipe_line({"title": "Clothes"}) == ""


def test_a_data_sets_augmentation_is_read_from_its_file_with_the_classes_own_defaults(tmp_path):
    assert {name: getattr(Dataset, name) for name in AUGMENTATION} == AUGMENTATION
    file = tmp_path / "mine.py"
    file.write_text("class Mine(Dataset):\n    title = 'Mine'\n    pad = 3\n    mean = (sum([1, 2]),)\n")
    assert data_set_literals(file) == {"title": "Mine", "pad": 3, "padding": "reflect", "flip": True}


def test_pictures_that_stay_in_their_files_are_cropped_and_not_padded():
    said = SUITE | {"data": data_set_literals(ROOT / "datasets" / "imagenet.py")}
    assert "Augmentation: random crops of 8 to 100 % of a picture’s area and random mirroring." in recipe_line(said)
