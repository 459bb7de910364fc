"""Training: one step, one phase.

Nothing here touches a method's arithmetic: a step is the method's own losses, one backward pass each, and
one optimiser per module. The clock of a phase stops while validation runs.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler, MultiStepLRScheduler
from timm.scheduler.scheduler import Scheduler
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.optim import Optimizer

from benchmark.engine.pictures.data import Batch
from benchmark.engine.pictures.loader import Loader
from benchmark.engine.training.averaging import Averaging, Sharing
from benchmark.engine.training.finishing import back_propagate, finish_module
from benchmark.engine.training.frozen import set_learning
from benchmark.engine.training.method import Method, Phase
from benchmark.engine.training.precision import Losses, Optimizers, precision_of, recompute_of
from benchmark.errors import UserError
from benchmark.schema.recipe import Recipe

CHECK_EVERY = 16  # steps between looks at the losses: each look makes a GPU wait


class Diverged(Exception):
    """A loss or a logit became infinite or not a number; the message says which, when and where."""


@dataclass(frozen=True)
class Epoch:
    """One row of the learning curve."""

    phase: int
    epoch: int
    losses: tuple[float, ...]  # mean of each loss that the method yields, in order
    lr: float
    seconds: float  # training only, without evaluation
    validation_top1: float | None  # percent; null while the output module is untrained


@dataclass
class Standing:
    """How far a training is: what is behind it, and where it is, between two steps."""

    rows: list[Epoch] = field(default_factory=list)  # of the epochs that are behind it, of all phases
    phase: int = 0
    epoch: int = 0  # of the phase
    history: list[Tensor] = field(default_factory=list)  # the losses of each step of this epoch
    seconds: float = 0.0  # of this epoch, when the training went on in it
    began: float = 0.0  # this epoch, on the clock of the watch, less those seconds

    def next_epoch(self, row: Epoch) -> None:
        """An epoch is over."""
        self.rows.append(row)
        self.epoch, self.history, self.seconds = self.epoch + 1, [], 0.0

    def next_phase(self) -> None:
        """A phase is over."""
        self.phase, self.epoch = self.phase + 1, 0


def build_optimizers(method: Method, recipe: Recipe, phase: Phase, sharing: Sharing | None = None) -> Optimizers:
    """One optimiser for each module that the phase trains, over the module and its auxiliary network.

    They carry the recipe's precision, and how batches are shared out, so that whoever makes a step makes it in that.

    A module with nothing to learn in it, because all of it is frozen, has none.

    Args:
        sharing: of the batches that they will see; none: as the recipe has it for one process.
    """
    if recipe.recompute != "none" and method.lag:
        raise UserError(f"{method.title} steps before it back-propagates, so recompute would see other weights.")
    optimizers = {}
    for k in phase.trains:
        parameters = [*method.modules[k].parameters(), *method.auxiliaries[k].parameters()]
        parameters = [p for p in parameters if p.requires_grad]
        if parameters:
            optimizers[k] = build_optimizer(parameters, recipe)
    found = Optimizers(optimizers, recipe.precision, recipe.recompute)
    if sharing := sharing or Sharing(recipe.parts):
        found.averaging = Averaging(method, found, recipe.precision, sharing)
    return found


def build_optimizer(parameters: list[nn.Parameter], recipe: Recipe) -> Optimizer:
    """timm's optimiser of the recipe, which clips the gradient before each step where the recipe says so."""
    nothing_to_look_ahead_by = recipe.optimizer == "sgd" and not recipe.momentum  # PyTorch refuses Nesterov's then
    optimizer = create_optimizer_v2(
        parameters if recipe.decay_norms else _groups(parameters),
        opt="momentum" if nothing_to_look_ahead_by else recipe.optimizer,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        filter_bias_and_bn=False,
    )
    if recipe.clip_norm is not None:
        optimizer.register_step_pre_hook(partial(_clip, parameters, recipe.clip_norm))
    return optimizer


def _clip(parameters: list[nn.Parameter], largest: float, *_: object) -> None:
    nn.utils.clip_grad_norm_(parameters, largest)


def _groups(parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """Matrices and kernels, which decay; and what has one axis (biases, scales of normalisation), which does not."""
    decayed = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    return [group for group in ({"params": decayed}, {"params": others, "weight_decay": 0.0}) if group["params"]]


def build_scheduler(optimizer: Optimizer, recipe: Recipe, steps_per_epoch: int, epochs: int) -> Scheduler:
    """The recipe's schedule over ``epochs``, once a step: a cosine to zero, or steps (none: constant); its warm-up."""
    steps = max(1, steps_per_epoch * epochs)
    warmup: dict[str, Any] = {
        "warmup_t": round(steps_per_epoch * recipe.warmup_epochs),
        "warmup_lr_init": recipe.warmup_lr,
        "warmup_prefix": False,
        "t_in_epochs": False,
    }
    if recipe.schedule == "cosine":
        return CosineLRScheduler(optimizer, t_initial=steps, **warmup)
    # timm's milestone m is reached at step m - 1, which it keeps for the sake of older trainings
    reached = [1 + round(steps * fraction) for fraction in recipe.milestones or ()]
    return MultiStepLRScheduler(optimizer, decay_t=reached, decay_rate=recipe.gamma or 1.0, **warmup)


def set_phase(method: Method, phase: Phase) -> None:
    """Modules of the phase learn, in train mode; all others are frozen, in eval mode.

    What was frozen before the first phase stays frozen (:mod:`benchmark.engine.training.frozen`).

    Raises:
        UserError: the phase names a module that there is not.
    """
    if max(phase.trains) > method.last:
        raise UserError(f"A phase trains module {max(phase.trains)}, but the last one is {method.last}.")
    method.phase = phase
    set_learning(method, phase)


def train_step(method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
    """One step on one batch, in the precision of the ``optimizers``.

    Returns the detached losses in the order in which the method yields them.
    """
    if averaging := getattr(optimizers, "averaging", None):
        return averaging.step(method, batch)
    losses = []
    order = iter(method.phase.trains)
    for loss in Losses(method, batch, precision_of(optimizers), recompute_of(optimizers)):
        losses.append(back_propagate(method, loss))
        del loss  # the generator goes on: nothing of this module's graph may live
        if method.steps_early:
            if (k := next(order, None)) is None:
                raise UserError(f"{type(method).__name__} yields more losses than its phase trains modules.")
            finish_module(method, k, optimizers.get(k))
    if not method.steps_early:
        for k in method.phase.trains:
            finish_module(method, k, optimizers.get(k))
    if not losses:
        raise UserError(f"{type(method).__name__} yields no loss in a step; `losses` must yield one at least.")
    return losses


class Watch:
    """Stands beside a training; this one looks at nothing."""

    def go_on(self, method: Method, optimizers: dict[int, Optimizer]) -> None:
        """Give a phase that was begun in another process the state that it had there; before :meth:`begin`."""

    def begin(self, method: Method, phase: int, steps: int) -> None:
        """Phase number ``phase`` begins, of so many steps."""

    def step(self, method: Method, batch: Batch, optimizers: dict[int, Optimizer]) -> list[Tensor]:
        """Make one step, as :func:`train_step` does."""
        return train_step(method, batch, optimizers)

    def epoch_over(self, method: Method, means: tuple[float, ...]) -> tuple[float, ...]:
        """An epoch is over, and will be validated; returns the mean of each loss, of which ``means`` is known here."""
        return means

    def end(self, method: Method) -> None:
        """The phase is over."""

    def clock(self) -> float:
        """Seconds, without those that the watch took for itself."""
        return time.perf_counter()


UNWATCHED = Watch()


def train_phase(
    method: Method,
    phase: Phase,
    loader: Loader,
    recipe: Recipe,
    validate: Callable[[], float | None],
    *,
    index: int = 0,
    on_epoch: Callable[[Epoch], None] = lambda row: None,
    metered: Callable[[], AbstractContextManager[None]] = nullcontext,
    watch: Watch = UNWATCHED,
    standing: Standing | None = None,
    sharing: Sharing | None = None,
) -> list[Epoch]:
    """Train the modules of one phase for its share of the recipe's epochs.

    Args:
        metered: a context around each epoch of training, and around no evaluation.
        standing: how far the training is, which is kept up to date; none: at the beginning of this phase.
        sharing: as of :func:`build_optimizers`.

    Returns:
        The rows of the epochs that were trained here.

    Raises:
        Diverged: a loss is not finite.
    """
    set_phase(method, phase)
    epochs = recipe.epochs_of(phase.share)
    optimizers = build_optimizers(method, recipe, phase, sharing)
    schedulers = [build_scheduler(o, recipe, len(loader), epochs) for o in optimizers.values()]
    standing = standing or Standing()
    first = len(standing.rows)
    watch.go_on(method, optimizers)
    watch.begin(method, index, epochs * len(loader))
    for epoch in range(standing.epoch, epochs):
        batches = _from(loader.epoch(epoch), len(standing.history))
        standing.began = watch.clock() - standing.seconds
        with metered():
            means = train_epoch(method, batches, epoch * len(loader), optimizers, schedulers, watch, standing)
        means = watch.epoch_over(method, means)
        seconds = watch.clock() - standing.began
        lr = next((o.param_groups[0]["lr"] for o in optimizers.values()), 0.0)
        standing.next_epoch(Epoch(index, epoch, means, lr, seconds, validate()))
        on_epoch(standing.rows[-1])
    watch.end(method)
    if optimizers.averaging:
        optimizers.averaging.close()
    standing.next_phase()
    return standing.rows[first:]


def _from(batches: Iterator[Batch], made: int) -> Iterator[Batch]:
    """The batches without the first ones, of which steps were made; with none of them, nothing is drawn yet."""
    next(islice(batches, made, made), None)
    return batches


def train_epoch(
    method: Method,
    batches: Iterator[Batch],
    before: int,
    optimizers: dict[int, Optimizer],
    schedulers: Sequence[Scheduler],
    watch: Watch,
    standing: Standing,
) -> tuple[float, ...]:
    """One pass over the training split, or the rest of one; returns the mean of each loss over the whole epoch.

    Args:
        before: steps of the phase before this epoch.
        standing: has the losses of the steps of this epoch that were made before.
    """
    history = standing.history
    for step, batch in enumerate(batches, start=len(history)):
        for scheduler in schedulers:
            scheduler.step_update(before + step)
        history.append(torch.stack(watch.step(method, batch, optimizers)))
        if step % CHECK_EVERY == 0:
            check_finite(history[-CHECK_EVERY:], standing.epoch, step)
    check_finite(history[-CHECK_EVERY:], standing.epoch, len(history) - 1)
    return tuple(_padded(history, float("nan")).nanmean(0).tolist())  # over the steps that yielded each loss


def _padded(rows: Sequence[Tensor], value: float) -> Tensor:
    """Rows of losses as one matrix: the first steps of a pipeline yield fewer."""
    return pad_sequence(list(rows), batch_first=True, padding_value=value)


def check_finite(recent: Sequence[Tensor], epoch: int, step: int) -> None:
    """Raise :class:`Diverged` where a loss among the last ``recent`` steps is not finite."""
    bad = ~_padded(recent, 0.0).isfinite()
    if bad.any():
        row, loss = bad.nonzero()[0].tolist()
        at = step - len(recent) + 1 + row
        raise Diverged(f"Loss {loss} became {recent[row][loss].item()} at epoch {epoch}, step {at}.")
