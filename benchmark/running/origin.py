"""Where a record comes from, without a word on whose machine it was."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmark import git
from benchmark.engine.pictures.data import Splits, data_root
from benchmark.running.machine import machine
from benchmark.schema.fingerprint import package_versions
from benchmark.schema.record import Provenance
from benchmark.schema.suite import Suite


def provenance(method_sha256: str, splits: Splits, suite: Suite) -> Provenance:
    """Where a record comes from; no host name, user or path."""
    return Provenance(
        git_commit=git.commit(),
        git_dirty=git.dirty(),
        method_sha256=method_sha256,
        source=splits.source,
        dataset_fingerprint=splits.fingerprint,
        pictures={"training": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)},
        versions=package_versions(),
        threads=torch.get_num_threads(),
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        **machine(suite.device, suite.recipe.precision),
    )


def without_paths(text: str) -> str:
    """The text with this machine's folders named, not spelt out: records are published."""
    folders = {"$BEYOND_DATA": data_root().absolute(), ".": Path.cwd(), "$PREFIX": Path(sys.prefix), "~": Path.home()}
    for name, folder in folders.items():
        text = text.replace(str(folder), name)
    return text
