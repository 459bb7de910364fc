"""Shared pieces of the tests: one thread, a small real problem, and methods built on it."""

import gc
import sys
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import pytest
import torch

from benchmark.engine import golden
from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.pictures.data import Dataset, load_splits
from benchmark.engine.pictures.loader import Loader, MemoryLoader
from benchmark.engine.training.build import build_method, first_taken
from benchmark.engine.training.method import Method
from benchmark.schema.plugins import METHODS, method_metadata, plugin_ids
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import Backbone, Suite

ROOT = Path(__file__).parent.parent
METHOD_IDS = plugin_ids(ROOT / METHODS)
EVERYWHERE = [name for name in METHOD_IDS if method_metadata(ROOT / METHODS / f"{name}.py")["everywhere"]]


def sampled(names: Iterable[str], one_in: int) -> list[object]:
    """The names as parameters of a test; all but about one in so many are `further`, and which does not hang on others.

    For what another test has of all methods already, or `beyond check` of whichever is new.
    """
    return [pytest.param(n, marks=pytest.mark.further if crc32(n.encode()) % one_in else ()) for n in names]


gc.disable()  # until all is imported and collected: none of that is garbage
MAIN = sys.modules["__main__"]
# Their tests wait for processes: begun first, they do not keep one worker when the others have nothing left.
ROOMS_THAT_WAIT = ("dashboard", "running", "verifying", "sandbox", "tuning", "examining", "submitting", "export")


def pytest_collection_finish():
    """What was imported and collected stays to the end: no need to look through it for garbage again and again."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config, items):
    """What is marked `further` runs where somebody asks for it by -k: a sample does for the whole suite."""
    if not config.option.keyword:
        left = [item for item in items if item.get_closest_marker("further")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("further")]
    items.sort(key=lambda item: item.path.parent.name not in ROOMS_THAT_WAIT)


@pytest.fixture(autouse=True)
def _one_thread_at_the_top_of_the_repository(monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.chdir(ROOT)
    # streamlit's AppTest leaves its page behind as __main__, which a new process would then import
    monkeypatch.setitem(sys.modules, "__main__", MAIN)


@pytest.fixture
def dashboard_on_path(monkeypatch):
    """Its files import each other by name, as `streamlit run` lets them."""
    monkeypatch.syspath_prepend(str(ROOT / "dashboard"))


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset("digits")


@pytest.fixture
def loader(digits) -> Loader:
    """Five batches of 64 real digits an epoch, in two views for the methods that want them."""
    splits = load_splits(digits, Path("data"), validation=0.1, limit=320)
    return MemoryLoader(splits.train, digits, 64, seed=7, train=True, views=2)


def small_suite(**changes) -> Suite:
    recipe = Recipe(epochs=2, batch=64, lr=0.05, momentum=0.9, weight_decay=5e-4, warmup_epochs=0.5)
    block = {
        "title": "for tests",
        "dataset": "digits",
        "backbones": [Backbone(name="cifar_resnet8")],
        "modules": [1, 2, 4],
        "recipe": recipe,
        "seeds": 1,
        "validation": 0.1,
    }
    return Suite.model_validate({**block, **changes})


def make_method(name: str, k: int, digits: Dataset, options: dict | None = None, seed: int = 0) -> Method:
    """A method of methods/ on a freshly built cifar_resnet8 in ``k`` modules; where it refuses that, on another."""
    suite, method = small_suite(backbones=golden.SUITE.backbones), load_method(name)
    backbone = first_taken(method, options or {}, golden.SUITE, digits.task)
    return build_method(method, options or {}, suite, backbone, digits.task, k, seed)
