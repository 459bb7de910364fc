"""What runs in a process of its own: train a network that is missing, and examine one that is there."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from benchmark import git
from benchmark.engine.pictures.data import Splits, data_root, load_splits
from benchmark.engine.training.process import prepare_process
from benchmark.errors import UserError
from benchmark.examining.candidate import Candidate
from benchmark.examining.examination import load_examination
from benchmark.examining.examined import Examined, Made, key_of, versions
from benchmark.examining.network import Network
from benchmark.running.cell import builder, train_phases, validate
from benchmark.running.loaded import Loaded, load
from benchmark.running.loaders import build_loaders
from benchmark.running.machine import machine
from benchmark.running.networks import Networks
from benchmark.running.origin import without_paths
from benchmark.schema.plain import Strict
from benchmark.schema.text import printable, said

APART = 0.5  # points of validation accuracy by which a network that is trained again may differ from its record


def train_again(report: Callable[[float | str], None], candidate: Candidate) -> bool:
    """Train a cell as it was trained, without metering it, and keep its networks; its record stays.

    Raises:
        UserError: the files are others by now, or it does not validate as its record says.
    """
    cell, suite, record = candidate.cell, candidate.suite, candidate.record
    loaded, splits = _opened(candidate)
    method = builder(cell, suite, loaded.dataset.task, loaded.method)()
    loaders = build_loaders(cell, suite, loaded.dataset, splits, method)
    hear = Networks(method, suite, candidate.folder, report).heard_by(report)
    train_phases(cell, suite, loaders, hear, method)
    found = validate(method, loaders["validation"])
    said_then = record.accuracy.validation_top1 if record.accuracy else None
    if said_then is None or abs(found - said_then) > APART:
        raise UserError(
            f"Trained again, {candidate.called} reaches {found:.2f} % of the validation split; "
            f"its record says {said_then}. `beyond run {cell.suite} --again` makes a record that fits this machine."
        )
    return True


def examine(
    report: Callable[[float | str], None],
    candidate: Candidate,
    wanted: Mapping[str, Strict],
    beside: Mapping[str, Sequence[Candidate]],
) -> list[Examined]:
    """Examine one cell.

    Args:
        wanted: by examination: its options.
        beside: by examination: the other cells whose networks it wants to see.
    """
    loaded, splits = _opened(candidate)
    found = []
    for done, (name, options) in enumerate(wanted.items()):
        others = [_network(other, *_opened(other)) for other in beside[name]]
        found.append(_examined(name, options, candidate, _network(candidate, loaded, splits, others), beside[name]))
        report((done + 1) / len(wanted))
    return found


def _opened(candidate: Candidate) -> tuple[Loaded, Splits]:
    """The files and the pictures of a cell.

    Raises:
        UserError: they are not what its fingerprint is of.
    """
    cell, suite = candidate.cell, candidate.suite
    prepare_process(suite.device, suite.recipe.precision)
    loaded = load(cell, suite)
    splits = load_splits(loaded.dataset, data_root(), suite.validation, suite.limit)
    loaded.fingerprint(cell, suite, splits.fingerprint, candidate.fingerprint)
    return loaded, splits


def _network(of: Candidate, loaded: Loaded, splits: Splits, beside: Sequence[Network] = ()) -> Network:
    return Network(of.cell, of.suite, loaded, splits, of.folder, of.record, beside)


def _examined(name: str, options: Strict, of: Candidate, network: Network, beside: Sequence[Candidate]) -> Examined:
    examination = load_examination(name)
    began, started = time.process_time(), datetime.now(UTC).isoformat(timespec="seconds")
    error = block = None
    try:
        block = examination.examine(network, options).model_dump(mode="json")
    except Exception as reason:  # an examination ends nothing but itself
        error = printable(without_paths(str(reason) if isinstance(reason, UserError) else said(reason)))
    seen = {c.called: c.fingerprint for c in beside}
    return Examined(
        identity=of.record.identity,
        fingerprint=of.fingerprint,
        examination=name,
        version=examination.version,
        options=options.model_dump(mode="json"),
        key=key_of(examination, options, of.fingerprint, seen),
        beside=seen,
        status="failed" if error else "ok",
        error=error,
        block=block,
        made=Made(
            git_commit=git.commit(),
            git_dirty=git.dirty(),
            device=machine(of.suite.device)["device"],
            versions=versions(),
            started_utc=started,
            seconds=round(time.process_time() - began, 3),
        ),
    )
