"""What a cell's numbers are made from, in one hash: the key under which a finished cell is kept."""

import hashlib
import json
from functools import cache
from importlib.metadata import version

from benchmark.schema.editions import edition
from benchmark.schema.plugins import DATASETS, METHODS, file_sha256, plugin_path
from benchmark.schema.suite import PROTOCOL, Cell, Suite

PACKAGES = ("torch", "torchvision", "timm", "numpy", "scikit-learn")
# What a suite may change without changing the numbers of a cell.
NOT_NUMBERS = {
    *("title", "seeds", "methods", "modules", "variants", "timeout_minutes", "backbones"),
    *("best", "tune", "reference", "role", "tasks", "examine", "moments"),
}


def fingerprint(cell: Cell, suite: Suite, data: str, method: str = "", dataset: str = "") -> str:
    """Hex digest over the protocol version, the cell, its suite, both plugin files, packages and pictures.

    Of the method's file its code counts, and of the data set's its bytes.

    Args:
        data: the data set's own fingerprint (``Splits.fingerprint``).
        method, dataset: hashes of the two files' bytes as they were loaded; by default, as they are now.
    """
    twin = {} if suite.twin_recipe is None else {"twin_recipe": suite.twin_recipe.facts()}
    facts = {
        "protocol": PROTOCOL,
        "cell": cell.model_dump(),
        "suite": suite.model_dump(mode="json", exclude=NOT_NUMBERS) | {"recipe": suite.recipe.facts()} | twin,
        "backbone": suite.backbone(cell.backbone).model_dump(mode="json"),
        "method": edition(cell.method, method or file_sha256(plugin_path(METHODS, cell.method))),
        "dataset": dataset or file_sha256(plugin_path(DATASETS, suite.dataset)),
        "pictures": data,
        "packages": package_versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def package_versions() -> dict[str, str]:
    """Versions of the packages that can change a number."""
    return {name: version(name) for name in PACKAGES}
