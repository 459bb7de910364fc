"""Searches for the tests of tables and dashboard: generated, of no training."""

from pathlib import Path
from typing import Any

from benchmark.schema.record import Status
from benchmark.schema.tuned import Configuration, Origin, Search, Trial, write_search


def make_trial(
    number: int,
    validation: float | None,
    epochs: int = 4,
    *,
    origin: Origin = "drawn",
    seconds: float | None = 10.0,
    options: dict[str, object] | None = None,
    **recipe: Any,
) -> Trial:
    """A trial of configuration ``number``, a full one of 4 epochs; one without a validation accuracy diverged."""
    status: Status = "ok" if validation is not None else "diverged"
    return Trial(
        configuration=Configuration(number=number, origin=origin, recipe=recipe, options=options or {}),
        full=epochs == 4,
        epochs=epochs,
        seed=1000,
        status=status,
        error=None if validation is not None else "Loss 0 became nan at epoch 2, step 7.",
        validation_top1=validation,
        seconds=seconds,
        fingerprint="0" * 64,
    )


def make_search(method: str, *trials: Trial, suite: str = "digits", **more: Any) -> Search:
    """A search of these trials, at K = 4."""
    what = {
        "variant": "",
        "backbone": "cifar_resnet20",
        "modules": 4,
        "protocol": 1,
        "configurations": 8,
        "share": 0.25,
    }
    return Search(suite=suite, method=method, trials=list(trials), **(what | more))


def some_search(method: str = "dgl", suite: str = "digits") -> Search:
    """Six trials: AdamW with another temperature beats the shared recipe; one trial diverged, one is added."""
    adam = {"optimizer": "adamw", "lr": 3e-3, "weight_decay": 0.05, "options": {"tau": 2.5}}
    sgd = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4}
    return make_search(
        method,
        make_trial(0, 70.0, 1, origin="shared", **sgd),
        make_trial(1, 80.0, 1, **adam),
        make_trial(2, None, 1, seconds=None, optimizer="sgd", lr=1.0, weight_decay=5e-4),
        make_trial(0, 79.0, 4, origin="shared", **sgd),
        make_trial(1, 88.0, 4, **adam),
        make_trial(3, 95.0, 4, origin="added", optimizer="adamw", lr=1e-2, weight_decay=0.0),
        suite=suite,
    )


def write_searches(results: Path, *searches: Search) -> None:
    """Write searches where ``beyond tune`` would."""
    for search in searches:
        write_search(search, results / "tuned")
