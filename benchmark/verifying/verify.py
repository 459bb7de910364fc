"""``beyond verify``: train committed cells again from nothing, and say whether they come out as their records claim.

Each outcome is written as soon as it is known (``results/verified/``), so an interrupted run loses nothing. A cell
that this machine has not the memory or the time for has none. No method's file is imported in this process.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmark import git
from benchmark.errors import UserError
from benchmark.running.launch import Crash
from benchmark.running.observer import LineObserver
from benchmark.running.storable import plain
from benchmark.running.store import RUNS, check_writable
from benchmark.schema.editions import of_todays_code
from benchmark.schema.plugins import METHODS, method_metadata, plugin_path
from benchmark.schema.protocols import effective
from benchmark.schema.record import Identity, Record, read_record
from benchmark.schema.suite import PROTOCOL, Cell, Suite, cell_options, cells, identify
from benchmark.schema.text import write_text
from benchmark.tables.people import person
from benchmark.tables.trust import FAILED, STANDINGS
from benchmark.tables.verification import Verification, row_of, rows_too_high, standings
from benchmark.verifying.agreement import POINTS, disagreements, same_place, tolerance_elsewhere
from benchmark.verifying.all_again import EXHAUSTED, some, suites_asked, train_all_again

VERIFIED = Path("results/verified")


@dataclass(frozen=True)
class Claim:
    """A committed record that can be put to the test."""

    cell: Cell
    suite: Suite
    record: Record
    elsewhere: float  # points by which accuracy may differ on another device than the record's

    @property
    def key(self) -> Cell:
        """No other record is of it."""
        return self.cell


def claims(suites: Sequence[str], methods: Sequence[str]) -> tuple[list[Claim], list[str]]:
    """The records that can be verified with the files that are here, and a sentence for each that cannot.

    Args:
        suites: names; none means all.
        methods: ids; none means all.

    Raises:
        UserError: there is no such suite or method, or nothing to verify.
    """
    found, unfit = list[Claim](), list[str]()
    for suite, defined in suites_asked(suites, methods).items():
        records = {path: read_record(path) for path in sorted(RUNS.glob(f"{suite}/*/*.json"))}
        for path, record in records.items():
            if not methods or path.parent.name in methods:
                cell = _cell_of(record, defined)
                try:
                    trains = _trained_by(record, cell, defined)
                    found.append(Claim(trains[0], trains[1], record, tolerance_elsewhere(record, records.values())))
                except UserError as fault:
                    unfit.append(f"{suite}/{path.parent.name}/{path.name}: {fault}")
    return some(found, unfit)


def _cell_of(record: Record, suite: Suite) -> Cell | None:
    """The cell of today's suite that the record is of."""
    try:
        today = cells(record.identity.suite, suite, record.identity.method)
    except UserError:
        return None
    return next((cell for cell in today if identify(cell, suite) == record.identity), None)


def _trained_by(record: Record, cell: Cell | None, suite: Suite) -> tuple[Cell, Suite]:
    """The cell of a record, and the suite by which it trains.

    Raises:
        UserError: the record cannot be put to the test; says why.
    """
    if not record.genuine:
        raise UserError("the record was edited after it was written.")
    if record.identity.protocol != PROTOCOL:
        raise UserError(f"it is of protocol {record.identity.protocol}, the engine of {PROTOCOL}; run its suite again.")
    if cell is None:
        raise UserError("its suite or its method no longer has such a cell.")
    if record.status != "ok":
        raise UserError(f"it ended {record.status}; there is nothing to confirm.")
    if record.provenance is None:
        raise UserError("it does not say what it was made from.")
    again = f"`beyond run {cell.suite} --method {cell.method}` trains it anew."
    if not of_todays_code(cell.method, record.provenance.method_sha256):
        raise UserError(f"methods/{cell.method}.py has changed since; {again}")
    trains = effective(suite, cell)
    if record.recipe not in (None, trains.recipe.facts()):
        raise UserError(f"its recipe is not today's; {again}")
    options = plain(cell_options(trains, cell, method_metadata(plugin_path(METHODS, cell.method))["variants"]))
    if any(record.options.get(name) != value for name, value in options.items()):
        raise UserError(f"its options are not today's; {again}")
    return cell, trains


def sample(found: Sequence[Claim], size: int) -> list[Claim]:
    """``size`` of the claims at random, unpredictably, those first whose standing is worth the least."""
    told = standings(VERIFIED, [claim.record for claim in found])
    worth = {
        claim.record.digest: [*STANDINGS, FAILED].index(standing.verification)
        for claim, standing in zip(found, told, strict=True)
    }
    shuffled = random.SystemRandom().sample(list(found), len(found))
    shuffled.sort(key=lambda claim: worth[claim.record.digest])
    return shuffled[:size]


def verify(chosen: Sequence[Claim], observer: LineObserver, jobs: int | None = None) -> Iterator[Verification]:
    """Train each cell again in a sandbox, compare, write the outcome; yields them as they end.

    An outcome is told before it is written: it took a training. What ran out of memory or time here is told to the
    observer, and is no outcome. A process can pretend to: its row then stays as it was, however often it is sampled.

    Raises:
        UserError: a suite cannot run here, or its outcomes cannot be written; says why.
    """
    for folder in {VERIFIED / claim.cell.suite / claim.cell.method for claim in chosen}:
        check_writable(folder)
    for claim, outcome in train_all_again(chosen, observer, jobs):
        record, on = (_failure(claim, outcome), []) if isinstance(outcome, Crash) else outcome
        if record.status in EXHAUSTED:
            observer.ended(claim.key, f"{_name(claim.record.identity)}: no outcome: {record.error}")
        else:
            yield _conclude(claim, record, on, observer)


def _failure(claim: Claim, crash: Crash) -> Record:
    update = {"status": crash.status, "error": crash.sentence, "accuracy": None, "cost": None}
    return claim.record.model_copy(update=update)


def _conclude(claim: Claim, again: Record, protections: list[str], observer: LineObserver) -> Verification:
    tolerance = POINTS if same_place(claim.record, again) else claim.elsewhere
    faults = disagreements(claim.record, again, tolerance)
    faults += [f"{again.error}"] if again.error else []
    who, by = claim.record.identity, git.author()
    outcome = Verification(
        identity=who,
        digest=claim.record.digest,
        verdict="failed" if faults else "verified",
        faults=faults,
        committed_top1=claim.record.accuracy.test_top1 if claim.record.accuracy else None,
        again_top1=again.accuracy.test_top1 if again.accuracy else None,
        tolerance=tolerance,
        protections=protections,
        git_commit=git.commit(),
        device=again.provenance.device if again.provenance else "",
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        by=person(by) if by else None,
        records_by=[person(author) for author in git.authors(RUNS / who.path)] or None,
    )
    observer.ended(claim.key, summary(outcome))
    write_text(outcome.model_dump_json(indent=1) + "\n", VERIFIED / who.path)
    return outcome


def too_high(found: Sequence[Claim], chosen: Sequence[Claim]) -> list[str]:
    """A sentence for each row of the chosen cells whose records, by all outcomes on ``found``, are too high together.

    Each may lie within its own tolerance; a row in which all err to the claimant's favour has failed.
    """
    faults = rows_too_high(VERIFIED, {claim.record.digest for claim in found})
    rows = {row_of(claim.record.identity) for claim in chosen}
    return [f"{_row_name(row)}: failed: {fault}" for row, fault in faults.items() if row in rows]


def summary(outcome: Verification) -> str:
    """One line on an outcome."""
    reached = "no accuracy" if outcome.again_top1 is None else f"{outcome.again_top1:.2f} %"
    recorded = f"recorded {outcome.committed_top1 or 0:.2f} %, may differ by {outcome.tolerance:.2f} points"
    line = f"{_name(outcome.identity)}: {outcome.verdict}: {reached} again, {recorded}"
    return " ".join([f"{line}.", *outcome.faults])


def _name(who: Identity) -> str:
    return f"{_row_name(who)} seed {who.seed}"


def _row_name(who: Identity) -> str:
    return f"{who.suite} {who.setting}"
