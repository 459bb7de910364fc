"""From an id to the class that a plugin's file defines."""

from benchmark.engine.former import keep_addresses
from benchmark.engine.pictures.data import Dataset
from benchmark.engine.training.method import Method
from benchmark.schema.plugins import DATASETS, METHODS, load_class, plugin_path

keep_addresses()


def load_method(name: str) -> type[Method]:
    """The class of a method, by its id."""
    return load_class(plugin_path(METHODS, name), Method)


def load_dataset(name: str) -> Dataset:
    """A data set, by its id."""
    return load_class(plugin_path(DATASETS, name), Dataset)()
