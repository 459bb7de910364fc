"""One cell: build it, check it, meter it, train it, and say all of it in one record.

Facts are collected as they become known, so a cell that diverges or breaks still leaves a row that says what
it was and how far it came.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from operator import mul
from typing import Any

import torch

from benchmark.engine.load import load_method
from benchmark.engine.measuring.company import evaluate_twice, fresh_copy
from benchmark.engine.measuring.cost import Metered, Simulated, Simulation, measure_cost
from benchmark.engine.measuring.cuda_peak import CudaPeak
from benchmark.engine.measuring.examiner import Bystander, Examiner
from benchmark.engine.measuring.isolation import leak_at_start
from benchmark.engine.measuring.probe import linear_probes
from benchmark.engine.measuring.reality import check_simulation, real_steps
from benchmark.engine.measuring.world import World
from benchmark.engine.objectives.process_group import ProcessGroup
from benchmark.engine.parallel.stage import Stage
from benchmark.engine.pictures.data import Batch, Splits, Task, data_root, load_splits
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.training.build import build_method
from benchmark.engine.training.evaluate import accuracy, hit_rates
from benchmark.engine.training.method import Method
from benchmark.engine.training.process import place, prepare_process
from benchmark.engine.training.seeding import derive_seed
from benchmark.engine.training.train import UNWATCHED, Diverged, Epoch, Standing, Watch, train_phase
from benchmark.errors import UserError, out_of_memory
from benchmark.running.checkpoint import CannotGoOn
from benchmark.running.keeper import Keeper, Stopped
from benchmark.running.loaded import Changed, Loaded, load
from benchmark.running.loaders import build_loaders, evaluation_loader
from benchmark.running.networks import Networks, epochs_of
from benchmark.running.origin import provenance, without_paths
from benchmark.running.row import Known
from benchmark.running.storable import plain, storable
from benchmark.running.together import LeadExaminer, begin_alike, said_of, said_of_stage, sharing, suite_of_share
from benchmark.running.weights import keep_weights
from benchmark.schema.plugins import line_of_plugin, loaded_sha256
from benchmark.schema.record import Accuracy, Cost, EpochRow, Record, Status
from benchmark.schema.suite import TWIN, Cell, Suite, cell_options, identify
from benchmark.schema.text import printable, said

Judge = Callable[[Method, Method], tuple[float, ...]]  # of the trained method and a fresh copy: test top-1, top-5


def run_cell(
    on_progress: Callable[[float], None],
    cell: Cell,
    suite: Suite,
    fingerprint: str,
    splits: Splits | None = None,
    judge: Judge | None = None,
    keeper: Keeper | None = None,
    group: ProcessGroup | None = None,
    stage: Stage | None = None,
    row: Known | None = None,
) -> Record:
    """Train, measure and record one cell; whatever goes wrong becomes the record's status and error.

    Args:
        on_progress: called after each epoch with the fraction of training that is done.
        fingerprint: what the cell shall be made from; the record says what it was made from. Empty: nobody asked.
        splits: the pictures; loaded as the suite says, if not given.
        judge: who knows the test split; by default `splits` does.
        keeper: keeps the training while it goes on.
        group: of several processes that train the cell; this is the first of them, the others :func:`follow`.
        stage: the first of several, each of which trains a module of the cell; the others :func:`follow`, too.
        row: what is known of the cell's row; without it, the cell finds it out itself.

    Raises:
        Stopped, CannotGoOn: what the keeper says, and nobody else.
    """
    identity = identify(cell, suite)  # now: its file may be gone later
    training = _Training(cell, suite, on_progress, judge, keeper, group, stage, row)
    facts: dict[str, Any] = {"fingerprint": fingerprint}
    status: Status = "ok"
    error = None
    try:
        for name, value in training.facts(fingerprint, splits):
            facts[name] = value
    except (Stopped, CannotGoOn):
        raise
    except Changed as reason:
        facts, status, error = {"fingerprint": fingerprint}, "failed", str(reason)
    except BaseException as reason:  # also SystemExit: a method ends nothing but its own cell
        status, error = how_it_ended(reason)
    return storable(identity, status, error, facts)


@dataclass(frozen=True)
class _Training:
    """A cell that is to be trained, and who takes part in it, as :func:`run_cell` is told."""

    cell: Cell
    suite: Suite
    on_progress: Callable[[float], None]
    judge: Judge | None
    keeper: Keeper | None
    group: ProcessGroup | None
    stage: Stage | None
    row: Known | None

    def facts(self, asked: str, splits: Splits | None) -> Iterator[tuple[str, Any]]:
        """All facts of the cell, in the order in which they become known; ``asked`` is its fingerprint."""
        cell, suite = self.cell, self.suite
        prepare_process(suite.device, suite.recipe.precision)
        loaded = load(cell, suite)
        splits = splits or load_splits(loaded.dataset, data_root(), suite.validation, suite.limit)
        yield "fingerprint", loaded.fingerprint(cell, suite, splits.fingerprint, asked)
        origin = provenance(loaded_sha256(loaded.method), splits, suite)
        shared = said_of_stage(self.stage) if self.stage else said_of(sharing(suite.recipe, self.group))
        origin = origin.model_copy(update=shared)
        yield "provenance", self.keeper.begun(origin) if self.keeper else origin
        with loaded.unchanged(cell, suite):
            yield from self._measured(loaded, splits)

    def _measured(self, loaded: Loaded, splits: Splits) -> Iterator[tuple[str, Any]]:
        """What the cell is, costs and reaches."""
        cell, suite, keeper, group, dataset = self.cell, self.suite, self.keeper, self.group, loaded.dataset
        build = builder(cell, suite, dataset.task, loaded.method)
        method = build()
        yield "options", plain(vars(method.options))
        yield "recipe", suite.recipe.facts()
        yield "cuts", [f.name for f in method.outputs[: cell.modules - 1]]
        yield "labels", labels_consumed(method, len(splits.train))
        loaders = build_loaders(cell, suite, dataset, splits, method, group)
        alone = suite_of_share(suite, group)

        def fresh() -> World:
            again = builder(cell, suite, dataset.task, load_method(cell.method))()
            return World(again, alone.recipe, torch.device(suite.device))

        known = keeper.known() if keeper else None
        told = known[0] if known else self.row.isolation if self.row else ""
        isolation = told or check_isolation(method, fresh, loaders["train"])
        yield "isolation", isolation

        judge = self.judge or partial(_judge, partial(evaluation_loader, cell, suite, dataset, splits.test))
        if not method.phases():  # a network that nobody trains has an accuracy, and no step that could cost
            yield "accuracy", self._trained(method, loaders, judge, Examiner(fresh), keeper=None)[0]
            return
        cost, steps = known[1:] if known else (yield from self._costs(alone, loaded, build, method, loaders["train"]))
        cost = cost if group is None else of_all_shares(cost, group.size)
        yield "cost", cost
        if keeper:
            keeper.know(isolation, cost, steps)
        examiner = (LeadExaminer if group else Examiner)(fresh, steps)
        accuracies, train_seconds, cuda_peak = self._trained(method, loaders, judge, examiner, keeper)
        if examiner.leak:
            yield "isolation", "leaks"
        an_epoch = [step.flops * len(loaders["train"]) * (group.size if group else 1) for step in steps]
        trained = sum(an_epoch[row.phase] for row in accuracies.curve)  # and not what was planned
        measured = {"train_flops": int(trained), "train_seconds": train_seconds, "cuda_peak_bytes": cuda_peak}
        yield "cost", cost.model_copy(update=measured)
        yield "accuracy", accuracies

    def _costs(
        self, suite: Suite, loaded: Loaded, build: Callable[[], Method], method: Method, loader: Loader
    ) -> Generator[tuple[str, Any], None, tuple[Cost, list[Metered]]]:
        """What a step costs, as simulated and as measured, and what a real one of each phase was metered at.

        Args:
            suite: as a process alone with its share of the batches sees it.
        """
        cell, row, batch = self.cell, self.row, next(loader.epoch(0))
        twin = None if cell.method == TWIN else builder(cell, suite, loaded.dataset.task, loaded.twin, {})
        measure = partial(measure_cost, build, twin, suite.recipe, batch, suite.recipe_of_twin)
        simulated = None
        if row:
            simulated = Simulated(Simulation(**row.simulated), row.peak_ratio, row.flops_ratio, row.twin_error)
        cost = _pathless(measure(simulated))
        yield "cost", cost
        real, steps = real_steps(build, suite.recipe, batch)
        if simulated and not simulated.is_of(real):  # its shape hangs on the seed
            cost = _pathless(measure())
        check_simulation(cost, real)
        epochs = [suite.recipe.epochs_of(phase.share) for phase in method.phases()]  # whole ones, as they are trained
        an_epoch = [step.flops * len(loader) for step in steps]
        return cost.model_copy(update={"train_flops": sum(map(mul, epochs, an_epoch))}), steps

    def _trained(
        self,
        method: Method,
        loaders: Mapping[str, Loader],
        judge: Judge,
        examiner: Examiner,
        keeper: Keeper | None,
    ) -> tuple[Accuracy, float, int | None]:
        """Train all phases, then evaluate; returns accuracy, training seconds and the CUDA peak in bytes."""
        cell, suite, on_progress = self.cell, self.suite, self.on_progress
        peak = CudaPeak(torch.device(suite.device))
        watch = self.stage or (keeper.watching(method, examiner, peak) if keeper else examiner)
        standing = keeper.standing if keeper else None
        if keeper and keeper.keep.networks:
            on_progress = Networks(method, suite, keeper.keep.networks, keeper.say).heard_by(on_progress)
        rows = train_phases(
            cell,
            suite,
            loaders,
            on_progress,
            method,
            watch=watch,
            metered=peak.measured,
            standing=standing,
            group=self.group,
        )
        peak.note(examiner.cuda_peak)
        probes = linear_probes(method, loaders["probe"], loaders["validation"])
        validation = rows[-1].validation_top1 if rows else validate(method, loaders["validation"])
        anew = load_method(cell.method)  # no class that could remember the training
        examiner.check_untouched(method)
        if keeper and keeper.keep.weights:
            keeper.say(keep_weights(method, loaders["validation"], cell, suite, keeper.keep.weights))
        copy = fresh_copy(builder(cell, suite, method.task, anew), method)
        evaluate_twice(method, copy, loaders["validation"], "validation")
        test_top1, test_top5 = judge(method, copy)
        reached = Accuracy(
            test_top1=test_top1,
            test_top5=test_top5,
            validation_top1=validation or 0.0,
            probes=[*probes, validation or 0.0],
            curve=[EpochRow(**{**vars(row), "losses": list(row.losses)}) for row in rows],
        )
        return reached, sum(row.seconds for row in rows), peak.bytes


def _pathless(cost: Cost) -> Cost:
    return cost.model_copy(update={"twin_error": without_paths(cost.twin_error)}) if cost.twin_error else cost


def builder(
    cell: Cell, suite: Suite, task: Task, method: type[Method], options: Mapping[str, Any] | None = None
) -> Callable[[], Method]:
    """Makes the method on the cell's network, with the cell's options if no others are given."""
    options = cell_options(suite, cell, method.variants) if options is None else options
    return partial(build_method, method, options, suite, suite.backbone(cell.backbone), task, cell.modules, cell.seed)


def train_phases(
    cell: Cell,
    suite: Suite,
    loaders: Mapping[str, Loader],
    on_progress: Callable[[float], None],
    method: Method,
    *,
    watch: Watch = UNWATCHED,
    metered: Callable[[], AbstractContextManager[None]] = nullcontext,
    standing: Standing | None = None,
    group: ProcessGroup | None = None,
) -> list[Epoch]:
    """Train all phases of a method, and validate where something reads out; the rows of its curve.

    Args:
        standing: how far the training is, which is kept up to date; none: at its beginning.
        group: of several processes that train it; the loaders show this one's share, and the first validates.

    Raises:
        Diverged: a loss is not finite.
    """
    place(method, torch.device(suite.device))
    torch.manual_seed(derive_seed("noise", cell.suite, cell.seed))  # dropout and the like
    if group:
        begin_alike(method, cell.suite, cell.seed, group)
    shared = sharing(suite.recipe, group)
    phases = list(method.phases())
    total = epochs_of(method, suite)
    standing = standing or Standing()
    rows = standing.rows

    def on_epoch(row: Epoch) -> None:
        on_progress(len(rows) / total)

    for index, phase in list(enumerate(phases))[standing.phase :]:
        reads_out = (method.last in phase.trains or phase is phases[-1]) and not (group and group.rank)
        look = partial(validate, method, loaders["validation"]) if reads_out else lambda: None
        loader = loaders["train"].restricted(phase.labels_per_class)
        watched = partial(train_phase, index=index, on_epoch=on_epoch, metered=metered, watch=watch)
        watched(method, phase, loader, suite.recipe, look, standing=standing, sharing=shared)
    return rows


def follow(cell: Cell, suite: Suite, beside: ProcessGroup | Stage, keeper: Keeper | None = None) -> None:
    """Train a cell in a process that is not the first one of its group or stages; it says nothing of it.

    Raises:
        Diverged: a loss is not finite.
        Stopped, CannotGoOn: what the keeper says.
    """
    prepare_process(suite.device, suite.recipe.precision)
    loaded = load(cell, suite)
    splits = load_splits(loaded.dataset, data_root(), suite.validation, suite.limit)
    method = builder(cell, suite, loaded.dataset.task, loaded.method)()
    if method.phases():
        group, watch = (None, beside) if isinstance(beside, Stage) else (beside, UNWATCHED)
        loaders = build_loaders(cell, suite, loaded.dataset, splits, method, group)
        standing = None
        if keeper:
            watch = keeper.watching(method, Bystander(), CudaPeak(torch.device(suite.device)))
            standing = keeper.standing
        train_phases(cell, suite, loaders, lambda fraction: None, method, watch=watch, standing=standing, group=group)


def validate(method: Method, loader: Loader) -> float:
    """Top-1 accuracy on the validation split, percent."""
    return accuracy(method, loader, (1,), "validation")[0]


def _judge(test: Callable[[], Loader], trained: Method, copy: Method) -> tuple[float, ...]:
    """Top-1 and top-5 on the test split; each of its pictures is predicted for itself."""
    loader = test()
    return hit_rates(evaluate_twice(trained, copy, loader, "test"), loader.labels.cpu())


def check_isolation(method: Method, fresh: Callable[[], World], loader: Loader) -> str:
    """Whether the gradient isolation that a method claims is found when its phases begin."""
    if method.reach is None:
        return "not claimed"

    def batches(phase: int, count: int) -> list[Batch]:
        shown = loader.restricted(method.phases()[phase].labels_per_class)
        return list(islice(cycle(shown.epoch(0)), count))

    return "leaks" if leak_at_start(fresh, batches) else "verified"


def of_all_shares(cost: Cost, processes: int) -> Cost:
    """FLOPs of all processes, of what one of them costs; bytes, seconds and ratios stay those of one."""
    total = {
        name: value and value * processes
        for name, value in (("step_flops", cost.step_flops), ("train_flops", cost.train_flops))
    }
    return cost.model_copy(update=total)


def labels_consumed(method: Method, pictures: int, but_by: Collection[int] = ()) -> dict[str, int]:
    """Training pictures by the kind of label (full, pairs, none) that was used of them.

    Args:
        but_by: modules whose training does not count.
    """
    used: dict[str, int] = {}
    for phase in method.phases():
        if set(phase.trains) - set(but_by):
            few = phase.labels_per_class
            count = pictures if few is None else min(pictures, few * method.task.classes)
            used[phase.labels] = max(count, used.get(phase.labels, 0))
    return used


def how_it_ended(reason: BaseException) -> tuple[Status, str]:
    """Status and sentence of a training that did not come to its end."""
    if isinstance(reason, Diverged):
        return "diverged", printable(str(reason))
    if isinstance(reason, UserError):
        sentence = str(reason)
    else:
        line = line_of_plugin(reason)
        sentence = said(reason) + (f" ({line})" if line else "")
    return "oom" if out_of_memory(reason) else "failed", printable(without_paths(sentence))
