"""From an id to the class that a plugin's file defines."""

import warnings

from benchmark.engine.former import keep_addresses
from benchmark.engine.pictures.data import Dataset
from benchmark.engine.training.method import Method
from benchmark.errors import UserError
from benchmark.schema.plugins import DATASETS, METHODS, load_class, plugin_path
from benchmark.schema.suite import Suite

keep_addresses()
# PyTorch's forward mode says so of PyTorch's own file, once in each process.
warnings.filterwarnings("ignore", ".torch.jit.script. is deprecated", FutureWarning)


def load_method(name: str) -> type[Method]:
    """The class of a method, by its id."""
    return load_class(plugin_path(METHODS, name), Method)


def load_dataset(name: str) -> Dataset:
    """A data set, by its id."""
    return load_class(plugin_path(DATASETS, name), Dataset)()


def dataset_of(suite: Suite, backbone: str = "") -> Dataset:
    """The data set of a suite, in the folder and with the augmentation that the suite says.

    Args:
        backbone: whose rows tell apart what their task says (``groups``), where the suite is of several tasks.

    Raises:
        UserError: it is not one that takes a folder, or it lacks one.
    """
    dataset = load_dataset(suite.dataset)
    if dataset.placeable and not suite.folder:
        raise UserError(f"{suite.dataset} lies where its suite says: folder: {{path: ..., classes: ..., image: ...}}.")
    if suite.folder and not dataset.placeable:
        raise UserError(f"{suite.dataset} lies where its own file says; folder is for the data set image_folder.")
    if suite.folder:
        dataset = dataset.placed(**suite.folder.model_dump())
    if suite.augment:
        dataset = dataset.augmented(suite.augment.pad, suite.augment.padding, suite.augment.flip)
    groups = suite.backbone(backbone).groups if backbone else None
    return dataset.grouped(groups) if groups else dataset
