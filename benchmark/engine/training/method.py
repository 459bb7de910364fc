"""The method contract: what a file in ``methods/`` says, and what the engine promises it.

Three base classes, one per way of training in the survey (Duan & Principe, arXiv 2101.03419):

- :class:`Method`, the general form, yields losses; the engine back-propagates each one at once.
- :class:`LocalMethod`, weakly modular: an end-to-end forward pass, a local loss per module.
- :class:`ModularMethod`, strictly modular: no end-to-end pass, modules trained one after the other.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.engine.cutting.partition import Features, Partition
from benchmark.engine.pictures.data import Batch, Task
from benchmark.errors import UserError
from benchmark.schema.plugins import LABELS

Labels = Literal["full", "pairs", "none"]
READOUT_SHARE = 1.0  # of the epochs: a classifier that starts from nothing, at the price of a forward pass


@dataclass(frozen=True)
class Phase:
    """A stretch of training: which modules learn, for what share of the suite's epochs, from what labels.

    Every other module is frozen and in eval mode. ``labels`` is ``"full"`` (classes), ``"pairs"`` (only
    whether two pictures share a class) or ``"none"``. With ``labels_per_class`` the phase sees so many
    pictures of each class and no others, repeated to an epoch of the usual length.

    Raises:
        UserError: a phase cannot be so.
    """

    trains: tuple[int, ...]
    share: float = 1.0
    labels: Labels = "full"
    labels_per_class: int | None = None

    def __post_init__(self) -> None:
        if not self.trains or min(self.trains) < 0:
            raise UserError(f"A phase trains {self.trains}; name one module at least, and count them from 0.")
        if not 0 < self.share < float("inf"):
            raise UserError(f"A phase has a share of {self.share} of the epochs; it must be a number above 0.")
        if self.labels not in LABELS:
            raise UserError(f"A phase has labels {self.labels!r}; they may be {', '.join(LABELS)}.")
        if self.labels_per_class is not None and self.labels_per_class < 1:
            raise UserError(f"A phase has {self.labels_per_class} labels per class; it needs one at least, or None.")


class Method:
    """A way to train a network that was cut into K modules; subclass it in ``methods/<id>.py``.

    The engine seeds, moves, optimises, schedules, evaluates and measures; a method only says losses.

    Attributes:
        modules: K modules, each an ``nn.Sequential`` of units, sharing weights with the backbone. With
            ``readout``: K hidden modules, and the classifier.
        outputs: :class:`Features` of each module: shape and layout of its output (the last: logits).
        unit_outputs: the same of each unit of each module.
        auxiliaries: K auxiliary networks, trained with their module and thrown away afterwards
            (``nn.Identity`` where :meth:`auxiliary` returns none).
        task: classes, picture size, channels, normalisation.
        options: the class's ``defaults``, overridden by the suite.
        phase: of :meth:`phases`, the one that trains now.
    """

    title: ClassVar[str]
    paper: ClassVar[str]  # URL
    authors: ClassVar[str]
    year: ClassVar[int]
    citation: ClassVar[Mapping[str, str]] = {}  # what BibTeX asks beside: full names, journal or booktitle
    family: ClassVar[str]  # one of benchmark.schema.plugins.FAMILIES
    defaults: ClassVar[Mapping[str, Any]] = {}
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # named option sets that papers report apart
    recipe: ClassVar[Mapping[str, Any]] = {}  # how the paper trains it: what it says of benchmark.schema.recipe.Recipe
    tunes: ClassVar[Mapping[str, Any]] = {}  # options to tune, two at most: (low, high), log-uniform, or [choices]
    views: ClassVar[int] = 1  # augmented views of each picture in a batch: 1 or 2
    removes: ClassVar[tuple[str, ...]] = ()  # locks of Jaderberg et al. 2017: "forward", "update", "backward"
    reach: ClassVar[int | None] = None  # a loss moves at most 1 + reach neighbouring modules (0: isolated); checked
    requires: ClassVar[str] = ""  # what a backbone must have, where not every one will do
    everywhere: ClassVar[bool] = True  # False: only suites that name it train it, as it is for networks of a kind
    readout: ClassVar[bool] = False  # the classifier is a module of its own, the last, trained on frozen features
    leaves: ClassVar[tuple[str, ...]] = ()  # weights that stay on purpose, see benchmark.schema.plugins.LEAVES; checked
    descends: ClassVar[bool] = True  # False: losses only carry gradients (Hebbian rules, noisy ones), and need not fall
    cut_matters: ClassVar[bool] = True  # False: the result does not depend on K, so only K = 1 is trained
    steps_early: ClassVar[bool] = False  # the i-th loss completes the i-th module that the phase trains: step it

    def __init__(self, partition: Partition, task: Task, options: Mapping[str, Any] | None = None) -> None:
        unknown = set(options or {}) - set(self.defaults)
        if unknown:
            known = ", ".join(self.defaults) or "none"
            raise UserError(f"{type(self).__name__} has no option {sorted(unknown)[0]!r}; it knows: {known}.")
        check_logits(partition.outputs[-1], task)
        self.modules: nn.ModuleList = partition.modules
        self.outputs: tuple[Features, ...] = partition.outputs
        self.unit_outputs: tuple[tuple[Features, ...], ...] = partition.unit_outputs
        self.task = task
        # copies: a list that a method changes is its own, not that of every other one
        self.options = SimpleNamespace(**copy.deepcopy({**self.defaults, **(options or {})}))
        self.phase = Phase(tuple(range(len(self.modules))))
        self.auxiliaries = nn.ModuleList(self._auxiliary(k) for k in range(len(self.modules)))

    @property
    def last(self) -> int:
        """Index of the output module: K - 1, or K with a ``readout``."""
        return len(self.modules) - 1

    @property
    def lag(self) -> int:
        """Steps until a step does all its work (a pipeline that fills); the first ones may yield fewer losses."""
        return 0

    def auxiliary(self, k: int) -> nn.Module | None:
        """The auxiliary network of module ``k`` (0-based), or none. Called once, in order, at the start."""
        return None

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """Yield scalar losses; each is back-propagated before the generator goes on.

        So a module's graph is gone before the next one's is built, and after a ``yield`` the ``.grad`` of a
        detached tensor that requires it is there to be read. Optimisers step after the last loss, or, with
        ``steps_early``, each module's as soon as its loss is done.
        """
        raise self._lacks("losses(batch)")

    def after_step(self, k: int) -> None:
        """Called after module ``k``'s optimiser step: moving averages and the like."""

    def phases(self) -> Sequence[Phase]:
        """The phases of training, in order; by default one in which all modules learn. None: nothing is trained."""
        return (Phase(tuple(range(len(self.modules)))),)

    def chain(self, x: Tensor) -> Iterator[Tensor]:
        """The output of each module in turn, as deployed, for normalised pictures ``x`` (B, C, H, W)."""
        for module in self.modules:
            x = module(x)
            yield x

    def predict(self, x: Tensor) -> Tensor:
        """Logits (B, classes) for normalised pictures ``x`` (B, C, H, W)."""
        for h in self.chain(x):
            x = h
        return x

    def deployed(self) -> Sequence[nn.Module]:
        """All that :meth:`predict` runs; the rest is thrown away after training."""
        return (self.modules,)

    def _auxiliary(self, k: int) -> nn.Module:
        """What :meth:`auxiliary` gives, or a network that does nothing."""
        made = self.auxiliary(k)
        if not (made is None or isinstance(made, nn.Module)):
            raise UserError(f"`auxiliary({k})` returns a {type(made).__name__}, but must an nn.Module, or None.")
        return made or nn.Identity()

    def _lacks(self, call: str) -> UserError:
        return UserError(f"{type(self).__name__} must define `{call}`.")


def check_logits(output: Features, task: Task) -> None:
    """Raise UserError where a network's output is not one logit for each of the task's classes."""
    if output.shape != (task.classes,):
        shape = ", ".join(map(str, ("B", *output.shape)))
        raise UserError(
            f"The backbone ends in ({shape}), not in the (B, {task.classes}) logits of {task.classes} classes; "
            "give it a classifier of that size."
        )


class LocalMethod(Method):
    """Weakly modular: one end-to-end forward pass, and no gradient between modules.

    Override :meth:`local_loss`; the engine owns the chain, so it can also place modules on devices. With
    other :meth:`phases`, modules that a phase does not train only run.
    """

    family = "weakly modular"
    removes: ClassVar[tuple[str, ...]] = ("update", "backward")
    reach = 0
    steps_early = True
    labels: ClassVar[Labels] = "full"  # what the hidden modules use, where there is a ``readout``

    def local_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        """The loss of hidden module ``k`` (0 <= k < K - 1) on its output ``h``."""
        raise self._lacks("local_loss(k, h, batch)")

    def output_loss(self, h: Tensor, batch: Batch) -> Tensor:
        """The loss of the last module on the logits ``h`` (B, classes): cross-entropy."""
        return F.cross_entropy(h, batch.y)

    def enter(self, k: int, h: Tensor, x: Tensor) -> Tensor:
        """What module ``k`` sees: ``h`` is the detached output before it, ``x`` are the normalised pictures."""
        return h

    def forward(self, k: int, h: Tensor) -> Tensor:
        """The output of module ``k`` while it learns."""
        return self.modules[k](h)

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """One loss per module that the phase trains, each on a graph of its own."""
        h = batch.x
        for k in range(max(self.phase.trains) + 1):
            if k not in self.phase.trains:
                with torch.no_grad():
                    h = self.modules[k](self.enter(k, h, batch.x))
                continue
            h = self.forward(k, self.enter(k, h, batch.x))
            yield self.output_loss(h, batch) if k == self.last else self.local_loss(k, h, batch)
            h = h.detach()

    def chain(self, x: Tensor) -> Iterator[Tensor]:
        """The output of each module in turn, each on what it :meth:`enter`-s with."""
        h = x
        for k, module in enumerate(self.modules):
            h = module(self.enter(k, h, x))
            yield h

    def phases(self) -> Sequence[Phase]:
        """One phase in which all modules learn; with a ``readout`` the classifier learns in a second one."""
        if not self.readout:
            return super().phases()
        return Phase(tuple(range(self.last)), labels=self.labels), Phase((self.last,), share=READOUT_SHARE)


class ModularMethod(Method):
    """Strictly modular: modules are trained to the end one after the other, on a proxy objective.

    Override :meth:`proxy_loss`, and :meth:`phases` for other labels or budgets. While module k learns, those
    before it are frozen and in eval mode, and those after it do not run.
    """

    family = "strictly modular"
    removes: ClassVar[tuple[str, ...]] = ("update", "backward")
    reach = 0

    def phases(self) -> Sequence[Phase]:
        """A phase for each module, in order, with the whole budget of epochs."""
        return tuple(Phase((k,)) for k in range(len(self.modules)))

    def proxy_loss(self, k: int, h: Tensor, batch: Batch) -> Tensor:
        """The loss of module ``k`` on its output ``h``, to be minimised."""
        raise self._lacks("proxy_loss(k, h, batch)")

    def losses(self, batch: Batch) -> Iterator[Tensor]:
        """One loss: the proxy objective of the module that this phase trains."""
        (k,) = self.phase.trains
        with torch.no_grad():
            h = batch.x
            for module in self.modules[:k]:
                h = module(h)
        yield self.proxy_loss(k, self.modules[k](h), batch)
