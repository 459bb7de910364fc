"""Whether the prediction for a picture hangs on that picture alone.

A deployed network is shown one picture, so what it says may hang neither on the pictures beside it (statistics of the
batch), nor on where a picture stands or how many come at once, nor on what came before (state that is kept between
calls). After the real evaluation some of its pictures, which no file can foretell, are shown to a *fresh copy* of the
method that knows nothing but the trained weights: alone, and among copies of one other picture. Answers that hang on
more than picture and weights cannot come out the same, however well a file tells the trial from the evaluation.
"""

import secrets
from collections.abc import Callable

import torch
from torch import Tensor

from benchmark.engine.pictures.loader import Loader
from benchmark.engine.training.evaluate import logits, split_logits
from benchmark.engine.training.method import Method
from benchmark.errors import UserError

SAMPLE = 256  # pictures, at most, that are shown again
ALONE = 8  # every so many-th of them alone
BATCH, OWN = 7, 4  # the others by so many, of which so many are of the sample and the rest one other picture's copies
TOLERANCE = 0.01  # of the spread of a picture's logits; rounding by batch size moves them by less than 1e-5
THROWN_AWAY = (
    "`predict` uses weights that are counted among those which are thrown away after training: let `deployed` return "
    "every network that it runs."
)
ODD_ONES = 0.02  # share of pictures that may differ by more: rounding can tip a near-tie or a hard decision inside


def evaluate_twice(method: Method, copy: Method, loader: Loader, split: str) -> Tensor:
    """Logits (N, classes) of a split in stored order, as :func:`split_logits`, once the trial was passed.

    Args:
        copy: as :func:`fresh_copy` makes it.

    Raises:
        UserError: predictions hang on more than the picture and the weights.
        Diverged: logits are not finite.
    """
    found = split_logits(method, loader, split)
    batches = other_company(len(found), unforeseeable())
    again = logits(copy, loader, batches)
    if again.isnan().any():
        raise UserError(THROWN_AWAY)
    if fault := dependence(found, again, torch.cat(batches), split):
        raise UserError(fault)
    return found


def fresh_copy(build: Callable[[], Method], trained: Method) -> Method:
    """The method built anew, with the trained one's weights and buffers and nothing else of it.

    Weights that ``deployed`` does not name are no numbers in it, so that nothing can be predicted from them.

    Raises:
        UserError: it has no place for them.
    """
    copy = build()
    copy.phase = trained.phase
    for new, old in ((copy.modules, trained.modules), (copy.auxiliaries, trained.auxiliaries)):
        for device in {each.device for each in (*old.parameters(), *old.buffers())}:  # some have buffers alone
            new.to(device)
        try:
            new.load_state_dict(old.state_dict())
        except RuntimeError:
            raise UserError(
                "A fresh copy of the method has no place for the trained weights: build every module in "
                "`auxiliary`, and give it the same shapes each time."
            ) from None
    blank_thrown_away(copy)
    return copy


def blank_thrown_away(method: Method) -> None:
    """Make no numbers of the weights that ``deployed`` does not name: nothing can be predicted from them then."""
    counted = {id(weight) for part in method.deployed() for weight in part.parameters()}
    for weight in (*method.modules.parameters(), *method.auxiliaries.parameters()):
        if id(weight) not in counted:
            weight.data.fill_(float("nan"))


def unforeseeable() -> torch.Generator:
    """A generator whose draws no file can foretell."""
    return torch.Generator().manual_seed(secrets.randbits(63))


def other_company(pictures: int, draw: torch.Generator) -> list[Tensor]:
    """Batches of places among so many pictures: a sample, some of it alone, the rest beside copies of another one."""
    chosen = torch.randperm(pictures, generator=draw)[:SAMPLE]
    alone = len(chosen) // ALONE
    batches = list(chosen[:alone].split(1)) if alone else []
    for own in chosen[alone:].split(OWN):
        other = torch.randint(pictures, (1,), generator=draw).expand(BATCH - len(own))
        batch = torch.cat([own, other])
        batches.append(batch[torch.randperm(BATCH, generator=draw)])
    return [batches[i] for i in torch.randperm(len(batches), generator=draw).tolist()]


def dependence(found: Tensor, again: Tensor, places: Tensor, split: str) -> str:
    """What is wrong with answers that are not the same in other company, in a sentence; empty if nothing is.

    Args:
        found: logits (N, classes) of all pictures.
        again: logits (n, classes) of the pictures at ``places`` (n,), shown otherwise.

    A picture's logits are compared but for a shift that all share, relative to their own spread: a file could make
    another picture's huge. It could also make one class's huge, so the likeliest class must be the same, too.
    """
    first, second = (each - each.mean(1, keepdim=True) for each in (found[places], again))
    spread = first.square().mean(1).sqrt()
    apart = (second - first).abs().amax(1)
    same = (apart <= TOLERANCE * spread) & (first.argmax(1) == second.argmax(1))  # false for what is no number
    changed = places[~same].unique()
    shown = places.unique()
    if len(changed) <= ODD_ONES * len(shown):
        return ""
    return (
        f"The prediction for a picture hangs on more than the picture: {len(changed)} of {len(shown)} {split} pictures "
        "get other logits in other company from a fresh copy of the trained network; `predict` must use no statistics "
        "of the batch, no random numbers, and no state but weights and buffers of the modules and auxiliary networks."
    )
