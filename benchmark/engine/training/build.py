"""From names to a method on a cut network, the same for training, checking, metering and planning."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from benchmark.engine.cutting.arguments import check_arguments
from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.cutting.partition import Partition, cut
from benchmark.engine.pictures.data import Task
from benchmark.engine.training.method import Method, Phase, check_logits
from benchmark.engine.training.seeding import seeded
from benchmark.errors import UserError
from benchmark.schema.suite import Backbone, Balance, Suite


def build_partition(backbone: Backbone, task: Task, k: int, balance: Balance, seed: int) -> Partition:
    """The backbone, with the weights that (backbone, seed) give it, cut into ``k`` modules.

    Cut points that the suite prints for this K are used as they stand; otherwise they are balanced.

    Raises:
        CannotCut: there are too few cut points, or the backbone cannot be traced.
        UserError: it cannot be built as asked, or does not end in a logit for each class.
    """
    check_arguments(backbone.name, backbone.kwargs)
    with seeded("weights", backbone.name, seed):
        model = create_backbone(
            backbone.name, task.classes, task.channels, task.image_size, backbone.stem, **backbone.kwargs
        )
    shape = (task.channels, task.image_size, task.image_size)
    at = backbone.cuts.get(k, ())
    partition = cut(model, None if at else k, balance=balance, at=at, input_shape=shape)
    check_logits(partition.outputs[-1], task)
    return partition


def build_method(
    method: type[Method],
    options: Mapping[str, Any],
    suite: Suite,
    backbone: Backbone,
    task: Task,
    k: int,
    seed: int,
) -> Method:
    """A method on a freshly built network; equal arguments give equal weights."""
    partition = build_partition(backbone, task, k, suite.balance, seed)
    if method.readout:
        partition = partition.with_classifier_apart()
    count = len(partition.modules)
    with seeded("auxiliary", method.__name__, backbone.name, k, seed):
        made = method(partition, task, options)
    _check_parts(made, count)
    return made


def _check_parts(made: Method, count: int) -> None:
    """Raise UserError where an author's own ``__init__`` or ``phases`` leaves something else than is built upon."""
    for name in ("modules", "auxiliaries"):
        held = vars(made).get(name)
        if not isinstance(held, nn.ModuleList) or len(held) != count:
            raise UserError(
                f"`self.{name}` must stay the nn.ModuleList of {count} that `Method.__init__` makes: call that first, "
                "return auxiliary networks from `auxiliary`, and change entries alone."
            )
    phases = made.phases()
    if not (isinstance(phases, Sequence) and all(isinstance(phase, Phase) for phase in phases)):
        raise UserError(f"`phases` returns a {type(phases).__name__}, but must return a list or tuple of Phase.")


def first_taken(method: type[Method], options: Mapping[str, Any], suite: Suite, task: Task) -> Backbone:
    """The first of a suite's backbones that a method does not refuse, cut into any of the suite's numbers of modules.

    Raises:
        UserError: it refuses all.
    """
    refusals = []
    for backbone in suite.backbones if method.requires else suite.backbones[:1]:
        try:
            for k in suite.modules if method.requires else []:
                build_method(method, options, suite, backbone, task, k, seed=0)
        except UserError as refusal:
            refusals.append(refusal)
        else:
            return backbone
    raise refusals[0]
