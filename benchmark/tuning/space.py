"""The space in which recipes are searched, and its points: the same for all methods of a suite.

Two optimisers, each with a grid of learning rates (two a decade) and of weight decays; and the options, two at most,
that a method's file offers in its literal ``tunes``. A search begins with the suite's own recipe and the one of the
method's paper. Then optimisers come in turn, each with all its rates before any of them again; decays and options are
those of Halton's points, which fill a space evenly however few they are. At every second turn of an optimiser the
method's options stay as they are, since they come from its paper. Seven rates, two kinds of turns, and points in bases
3, 5 and 7 have no period in common, so that none is tied to another.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from scipy.stats import qmc

from benchmark.schema.recipe import Recipe
from benchmark.schema.tuned import SEARCHED, Configuration, Origin, Search

# In the order in which they are tried: from the middle outwards, coarse before fine.
RATES = {
    "sgd": (0.03, 0.3, 0.003, 0.1, 0.01, 1.0, 0.001),
    "adamw": (0.003, 0.0003, 0.01, 0.001, 0.03, 0.0001, 0.00003),
}
DECAYS = {"sgd": (0.0, 1e-4, 5e-4, 2e-3), "adamw": (0.0, 0.01, 0.05, 0.2)}
OPTIMISERS = tuple(RATES)
MOMENTUM = 0.9
OPTIONS = 2  # a method may have tuned, at most
APART = 7  # places in Halton's sequence from where one optimiser begins to where the next one does
PATIENCE = 10  # so many times as many points are looked at as are wanted, as some are as others
DIGITS = 2  # significant, of a number that is drawn


def configurations(recipe: Recipe, said: Mapping[str, Any], count: int, further: int = 0) -> list[Configuration]:
    """The first ``count`` configurations of a method's search, then so many ``further`` ones; none twice.

    Without options of the method's own the space has 56 points beside the recipes that it begins with.

    Args:
        recipe: the suite's.
        said: the method's literals, as :func:`benchmark.schema.plugins.method_metadata` reads them.
    """
    own = {name: getattr(recipe, name) for name in SEARCHED}
    known: list[tuple[Origin, dict[str, Any], dict[str, Any]]] = [("shared", own, {})]
    paper = own | _of_paper(said.get("recipe", {}), recipe.batch)
    if paper != own:
        known.append(("paper", paper, {}))
    for number in range(PATIENCE * (count + further)):
        point = [*_point(number, said.get("tunes", {}))]
        if len(known) < count + further and point not in [tried for _, *tried in known]:
            known.append(("drawn" if len(known) < count else "added", point[0], point[1]))
    return [
        Configuration(number=n, origin=origin, recipe=changes, options=options)
        for n, (origin, changes, options) in enumerate(known)
    ]


def not_drawn(search: Search, recipe: Recipe, said: Mapping[str, Any]) -> Configuration | None:
    """The first configuration that could be chosen and that no search of this method tries; none if all are drawn."""
    drawn = configurations(recipe, said, search.configurations)
    tried = (trial.configuration for trial in search.trials)
    return next((c for c in tried if c.origin != "added" and c not in drawn), None)


def _of_paper(recipe: Mapping[str, Any], batch: int) -> dict[str, Any]:
    """What a paper's recipe says of the fields that are searched; SGD's rate goes with the batch (Goyal et al.)."""
    found = {name: value for name, value in recipe.items() if name in SEARCHED}
    if found.get("optimizer") in ("sgd", "momentum") and "batch" in recipe:
        found["lr"] = float(f"{found['lr'] * batch / recipe['batch']:.{DIGITS}g}")
    return found


def _point(number: int, tunes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recipe and the options of a point of the space."""
    turn, which = divmod(number, len(OPTIMISERS))
    optimizer = OPTIMISERS[which]
    rates = RATES[optimizer]
    own, decay, *shares = _halton(turn + APART * which)
    recipe = {
        "optimizer": optimizer,
        "lr": rates[turn % len(rates)],
        "momentum": MOMENTUM,
        "weight_decay": _of(DECAYS[optimizer], decay),
    }
    if own < 0.5:  # every second turn, as the base is 2
        return recipe, {}
    return recipe, {name: _drawn(tunes[name], share) for name, share in zip(tunes, shares, strict=False)}


@cache
def _halton(place: int) -> Sequence[float]:
    """The point of that place of Halton's sequence, each coordinate in (0, 1)."""
    sequence = qmc.Halton(d=2 + OPTIONS, scramble=False)
    sequence.fast_forward(1 + place)  # the first one is a corner
    return [float(share) for share in sequence.random(1)[0]]


def _of(values: Sequence[Any], share: float) -> Any:
    return values[int(share * len(values))]


def _drawn(offered: Any, share: float) -> Any:
    """One of a list of choices, or a number between two, evenly in its logarithm."""
    if isinstance(offered, list):
        return _of(offered, share)
    low, high = offered
    value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    if isinstance(low, int) and isinstance(high, int):
        return round(value)
    return float(f"{value:.{DIGITS}g}")
