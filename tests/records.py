"""Records for the tests of tables and dashboard: plausible, generated, and of no network."""

from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.schema.plugins import METHODS
from benchmark.schema.record import Accuracy, Cost, EpochRow, Identity, Provenance, Record, Status, write_record
from benchmark.tables.files import write_tables

FIDELITY = """method,variant,against,compared,deviation,commit,note
dgl,,someone/their-code@1234567,"gradients of <all> layers, K = 4",1.5e-15,89abcde,
dgl,,identity,its update of the last module is backpropagation's,not compared,,no code of it runs here
"""
CLAIMS = """\
matches:
  says: Greedy learning can match backpropagation.
  words: quoted
  source: Somebody 2026, abstract
  link: https://example.org/paper
  family: proxy objective
  stated_for: ImageNet
  compare: dgl
  expect: not below
  margin: 0.5
saves:
  says: It needs less memory than backpropagation.
  words: paraphrased
  source: Somebody 2026, abstract
  link: https://example.org/paper
  family: proxy objective
  compare: dgl
  metric: memory
  expect: below
unseen:
  says: What nobody has run here is better.
  words: paraphrased
  source: Nobody
  link: https://example.org/nowhere
  family: energy
  compare: dual_propagation
  expect: above
"""
FAMILIES = {
    "e2ebp": "end-to-end",
    "gradient_checkpointing": "end-to-end",
    "modular_kernel": "strictly modular",
}


def make_record(
    method: str = "e2ebp",
    modules: int = 1,
    seed: int = 0,
    top1: float | None = 90.0,
    *,
    status: Status = "ok",
    memory: float = 1.0,
    time: float = 1.0,
    flops: float = 1.0,
    epochs: int = 4,
    train_flops: int | None = None,
    **identity: Any,
) -> Record:
    """A record of test accuracy ``top1`` (percent); none for a cell that did not end ``ok``."""
    who = {
        "suite": "digits",
        "dataset": "digits",
        "backbone": "cifar_resnet20",
        "stem": "native",
        "family": FAMILIES.get(method, "weakly modular"),
        "protocol": 1,
    } | identity
    done = status == "ok" and top1 is not None
    return Record(
        identity=Identity(method=method, modules=modules, seed=seed, **who),
        status=status,
        error=None if done else "Loss 0 became nan at epoch 2, step 7.",
        cuts=[f"layer{k}" for k in range(1, modules)] if done else None,
        labels={"full": 1437} if done else {},
        isolation=("not claimed" if modules == 1 else "verified") if done else None,
        accuracy=make_accuracy(top1, epochs) if done and top1 is not None else None,
        cost=make_cost(memory, time, flops, modules, train_flops) if done else None,
        provenance=make_provenance(who["dataset"]) if done else None,
        fingerprint="0" * 64,
    ).sealed()


def make_accuracy(top1: float, epochs: int) -> Accuracy:
    """Accuracy whose curve rises towards ``top1``; the first epoch has no validation accuracy."""
    heights = [None, *(top1 * (1 - 0.6 ** (e + 1)) for e in range(1, epochs))]
    curve = [
        EpochRow(phase=0, epoch=e, losses=[1.0 / (e + 1)], lr=0.1, seconds=1.0, validation_top1=height)
        for e, height in enumerate(heights)
    ]
    top5 = min(100.0, top1 + 5)
    return Accuracy(test_top1=top1, test_top5=top5, validation_top1=top1 - 0.5, probes=[top1], curve=curve)


def make_cost(memory: float, time: float, flops: float, modules: int, train_flops: int | None = None) -> Cost:
    """Cost with the given ratios to a twin of 100 MB, 10 ms and 1 GFLOP a step."""
    return Cost(
        parameters=272_474,
        auxiliary_parameters=12_000 * (modules - 1),
        peak_bytes=round(100e6 * memory),
        peak_ratio=memory,
        saved_bytes=round(60e6 * memory),
        step_flops=round(1e9 * flops),
        flops_ratio=flops,
        time_ratio=time,
        step_seconds=0.01 * time,
        train_flops=train_flops,
        train_seconds=20.0 * time,
    )


def make_provenance(dataset: str) -> Provenance:
    """Provenance of a machine that does not exist."""
    return Provenance(
        git_commit="0" * 40,
        git_dirty=False,
        method_sha256="0" * 64,
        source=f"{dataset}-generated",
        dataset_fingerprint="0" * 64,
        versions={"torch": "0"},
        device="Testing CPU",
        threads=1,
        started_utc="2026-01-01T00:00:00Z",
    )


def write_runs(runs: Path, *records: Record) -> Path:
    """Write records where the engine would; returns ``runs``."""
    for record in records:
        who = record.identity
        write_record(record, runs / who.suite / who.method / f"{who.file_stem}.json")
    return runs


def write_own_tables(folder: Path, methods: Path = METHODS) -> pd.DataFrame:
    """The tables of a folder, judged by a ``suites.yaml`` of its own, if any: generated records are not of ours."""
    return write_tables(folder, methods, folder / "suites.yaml")
