"""One cell in several processes: how they find each other, who does what, and what the record says of it.

All of them train, each on its share of every batch. The first one does the rest as if it were alone: it tries and
meters steps of its own share, evaluates, and writes the record.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import torch
import torch.distributed as dist

from benchmark.engine.measuring.examiner import Examiner
from benchmark.engine.measuring.state import randomness_kept
from benchmark.engine.measuring.world import Stretch
from benchmark.engine.objectives.process_group import ProcessGroup
from benchmark.engine.objectives.shared_norm import norms_can_be_shared
from benchmark.engine.parallel.channel import ProcessChannel
from benchmark.engine.parallel.stage import Stage
from benchmark.engine.training.averaging import Sharing
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import derive_seed
from benchmark.running.worker import Worker, check_shares
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import Suite

PATIENCE = timedelta(hours=1)  # for one that evaluates, or tries steps, while the others wait
BACKENDS = {"cpu": "gloo", "cuda": "nccl"}


@contextmanager
def joined(worker: Worker, device: str) -> Iterator[ProcessGroup]:
    """The group that a process belongs to, which has met inside.

    Who waits longer than :data:`PATIENCE` for another gives up with an error. The group ends with the process: to take
    leave of it in order would mean to wait for the others, whatever has become of them.
    """
    if device == "cpu" and worker.address != "env://":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # what a machine's name resolves to is none of its business
    dist.init_process_group(BACKENDS[device], worker.address, PATIENCE, worker.size, worker.rank)
    with norms_can_be_shared():
        yield ProcessGroup(
            worker.rank, worker.size, dist.new_group(timeout=PATIENCE, backend="gloo") if device == "cuda" else None
        )


@contextmanager
def as_stage(worker: Worker, device: str) -> Iterator[Stage]:
    """The stage of a process whose modules train beside those of others, which have met inside."""
    with joined(worker, device):
        yield Stage(worker.rank, worker.size, ProcessChannel(torch.device(device)))


def sharing(recipe: Recipe, group: ProcessGroup | None) -> Sharing:
    """How this process takes part in a recipe's steps.

    Raises:
        UserError: as :func:`check_shares`.
    """
    check_shares(recipe, group.size if group else 1)
    if group is None:
        return Sharing(recipe.parts)
    whole = recipe.parts == 1
    return Sharing(
        parts=max(1, recipe.parts // group.size),
        group=group,
        norms=whole or recipe.norms == "synchronised",
        objectives=whole or recipe.objectives == "gathered",
    )


def suite_of_share(suite: Suite, group: ProcessGroup | None) -> Suite:
    """The suite as one process of a group sees it that is alone with its share: what it tries, meters and simulates."""
    if group is None:
        return suite
    twin = suite.twin_recipe and _of_share(suite.twin_recipe, group)
    return suite.model_copy(update={"recipe": _of_share(suite.recipe, group), "twin_recipe": twin})


def _of_share(recipe: Recipe, group: ProcessGroup) -> Recipe:
    parts = max(1, recipe.parts // group.size)
    return recipe.changed(
        {"batch": recipe.batch // group.size, "parts": parts, "norms": "local", "objectives": "local"}
    )


def said_of(shared: Sharing) -> dict[str, int | str]:
    """What a record's provenance says of it; nothing of one process."""
    if shared.group is None:
        return {}
    words = [
        f"BatchNorm {'synchronised' if shared.norms else 'local'}",
        f"objectives of benchmark.losses {'gathered' if shared.objectives else 'local'}",
        "a stream of random numbers a process",
        "cost metered in one process alone with its share",
    ]
    return {"processes": shared.group.size, "sharing": "; ".join(words)}


def said_of_stage(stage: Stage) -> dict[str, int | str]:
    """What a record's provenance says of a cell whose modules trained at the same time."""
    words = [
        "a module in each process, and features go downstream only",
        "random numbers begin anew with each step",
        "cost metered in one process with all modules",
    ]
    return {"processes": stage.stages, "sharing": "; ".join(words)}


def begin_alike(method: Method, suite: str, seed: int, group: ProcessGroup) -> None:
    """All begin with the weights and buffers of the first; each with random numbers of its own."""
    group.broadcast([t for part in (method.modules, method.auxiliaries) for t in (*part.parameters(), *part.buffers())])
    if group.rank:
        torch.manual_seed(derive_seed("noise", suite, seed, group.rank))


class LeadExaminer(Examiner):
    """Of the first of several processes: a step that it tries, it makes again with its share alone.

    The training's own step hangs on gradients of the others, who do not make it again. What is compared is what its
    share does with and without what lies beyond a module's reach, from the training's state.
    """

    def _try(self, stretch: Stretch, start: int, device: torch.device) -> None:
        with randomness_kept(device):
            alone = self.fresh().repeat(stretch)
        super()._try(replace(stretch, after=alone), start, device)
