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
from benchmark.engine.objectives.shared_norm import norms_can_be_shared
from benchmark.engine.objectives.team import Team
from benchmark.engine.parallel.channel import ProcessChannel
from benchmark.engine.parallel.lane import Lane
from benchmark.engine.training.averaging import Sharing
from benchmark.engine.training.method import Method
from benchmark.engine.training.seeding import derive_seed
from benchmark.running.seat import Seat, check_shares
from benchmark.schema.recipe import Recipe
from benchmark.schema.suite import Suite

PATIENCE = timedelta(hours=1)  # for one that evaluates, or tries steps, while the others wait
BACKENDS = {"cpu": "gloo", "cuda": "nccl"}


@contextmanager
def joined(seat: Seat, device: str) -> Iterator[Team]:
    """The team that a process belongs to, which has met inside.

    Who waits longer than :data:`PATIENCE` for another gives up with an error. The group ends with the process: to take
    leave of it in order would mean to wait for the others, whatever has become of them.
    """
    if device == "cpu" and seat.address != "env://":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # what a machine's name resolves to is none of its business
    dist.init_process_group(BACKENDS[device], seat.address, PATIENCE, seat.size, seat.rank)
    with norms_can_be_shared():
        yield Team(seat.rank, seat.size, dist.new_group(timeout=PATIENCE, backend="gloo") if device == "cuda" else None)


@contextmanager
def in_lanes(seat: Seat, device: str) -> Iterator[Lane]:
    """The lane of a process whose modules train beside those of others, which have met inside."""
    with joined(seat, device):
        yield Lane(seat.rank, seat.size, ProcessChannel(torch.device(device)))


def sharing(recipe: Recipe, team: Team | None) -> Sharing:
    """How this process takes part in a recipe's steps.

    Raises:
        UserError: as :func:`check_shares`.
    """
    check_shares(recipe, team.size if team else 1)
    if team is None:
        return Sharing(recipe.parts)
    whole = recipe.parts == 1
    return Sharing(
        parts=max(1, recipe.parts // team.size),
        team=team,
        norms=whole or recipe.norms == "synchronised",
        objectives=whole or recipe.objectives == "gathered",
    )


def suite_of_share(suite: Suite, team: Team | None) -> Suite:
    """The suite as one process of a team sees it that is alone with its share: what it tries, meters and simulates."""
    if team is None:
        return suite
    twin = suite.twin_recipe and _of_share(suite.twin_recipe, team)
    return suite.model_copy(update={"recipe": _of_share(suite.recipe, team), "twin_recipe": twin})


def _of_share(recipe: Recipe, team: Team) -> Recipe:
    parts = max(1, recipe.parts // team.size)
    return recipe.changed({"batch": recipe.batch // team.size, "parts": parts, "norms": "local", "objectives": "local"})


def said_of(shared: Sharing) -> dict[str, int | str]:
    """What a record's provenance says of it; nothing of one process."""
    if shared.team is None:
        return {}
    words = [
        f"BatchNorm {'synchronised' if shared.norms else 'local'}",
        f"objectives of benchmark.losses {'gathered' if shared.objectives else 'local'}",
        "a stream of random numbers a process",
        "cost metered in one process alone with its share",
    ]
    return {"processes": shared.team.size, "sharing": "; ".join(words)}


def said_of_lanes(lane: Lane) -> dict[str, int | str]:
    """What a record's provenance says of a cell whose modules trained at the same time."""
    words = [
        "a module in each process, and features go downstream only",
        "random numbers begin anew with each step",
        "cost metered in one process with all modules",
    ]
    return {"processes": lane.lanes, "sharing": "; ".join(words)}


def begin_alike(method: Method, suite: str, seed: int, team: Team) -> None:
    """All begin with the weights and buffers of the first; each with random numbers of its own."""
    team.broadcast([t for part in (method.modules, method.auxiliaries) for t in (*part.parameters(), *part.buffers())])
    if team.rank:
        torch.manual_seed(derive_seed("noise", suite, seed, team.rank))


class LeadExaminer(Examiner):
    """Of the first of several processes: a step that it tries, it makes again with its share alone.

    The training's own step hangs on gradients of the others, who do not make it again. What is compared is what its
    share does with and without what lies beyond a module's reach, from the training's state.
    """

    def _try(self, stretch: Stretch, start: int, device: torch.device) -> None:
        with randomness_kept(device):
            alone = self.fresh().repeat(stretch)
        super()._try(replace(stretch, after=alone), start, device)
