"""The points that a search tries: the same for all methods, spread over the space, within what a file offers."""

from collections import Counter

import pytest
import torch
from conftest import METHOD_IDS, ROOT

from benchmark.engine.training.train import build_optimizer
from benchmark.schema.plugins import METHODS, method_metadata
from benchmark.schema.recipe import Recipe
from benchmark.tuning.space import DECAYS, RATES, configurations

RECIPE = Recipe(epochs=4, batch=32, lr=0.1, weight_decay=1e-3)  # no point of the space
OFFER = {"tunes": {"tau": (0.5, 50.0), "depth": (2, 8), "head": ["a", "b"]}}


def recipes(found):
    return [c.recipe for c in found]


def test_it_begins_with_the_suites_recipe_and_the_papers():
    shared, paper, *drawn = configurations(RECIPE, {"recipe": {"optimizer": "adam", "lr": 5e-4, "epochs": 400}}, 8)
    assert (shared.origin, shared.recipe["optimizer"], shared.recipe["lr"], shared.options) == (
        "shared",
        "sgd",
        0.1,
        {},
    )
    assert (paper.origin, paper.recipe["optimizer"], paper.recipe["lr"]) == ("paper", "adam", 5e-4)
    assert paper.recipe["weight_decay"] == RECIPE.weight_decay  # of which the paper says nothing
    assert "epochs" not in paper.recipe  # the budget is the suite's
    assert {c.origin for c in drawn} == {"drawn"}
    assert [c.number for c in (shared, paper, *drawn)] == list(range(8))


def test_a_papers_rate_of_sgd_goes_with_the_batch():
    said = {"optimizer": "sgd", "lr": 0.8, "batch": 1024}
    assert configurations(RECIPE, {"recipe": said}, 4)[1].recipe["lr"] == 0.025
    assert configurations(RECIPE, {"recipe": said | {"optimizer": "adam"}}, 4)[1].recipe["lr"] == 0.8


def test_every_method_tries_the_same_points():
    plain, offering = configurations(RECIPE, {}, 16), configurations(RECIPE, OFFER, 16)
    assert recipes(plain) == recipes(offering)
    assert recipes(configurations(RECIPE, {}, 8)) == recipes(plain)[:8]


def test_all_rates_of_an_optimiser_come_before_one_comes_again():
    for optimizer, rates in RATES.items():
        tried = [r["lr"] for r in recipes(configurations(RECIPE, {}, 40))[1:] if r["optimizer"] == optimizer]
        assert sorted(tried[: len(rates)]) == sorted(rates)
        assert max(Counter(tried).values()) - min(Counter(tried).values()) <= 1
    turns = Counter(r["optimizer"] for r in recipes(configurations(RECIPE, {}, 13))[1:])
    assert set(turns.values()) == {6}


def test_no_rate_is_tied_to_a_decay_or_to_options_of_the_methods_own():
    drawn = [c for c in configurations(RECIPE, OFFER, 113) if c.origin == "drawn"]
    for optimizer, rates in RATES.items():
        mine = [c for c in drawn if c.recipe["optimizer"] == optimizer]
        for rate in rates:
            here = [c for c in mine if c.recipe["lr"] == rate]
            assert {c.recipe["weight_decay"] for c in here} == set(DECAYS[optimizer])
            assert {bool(c.options) for c in here} == {True, False}
        for decay in DECAYS[optimizer]:
            here = [c for c in mine if c.recipe["weight_decay"] == decay]
            assert {bool(c.options) for c in here} == {True, False}, (optimizer, decay)
    first = drawn[:8]  # few, and both kinds at both optimisers, and no place of one goes with a place of the other
    assert Counter(bool(c.options) for c in first) == {True: 4, False: 4}
    places = [
        (RATES[o].index(c.recipe["lr"]), DECAYS[o].index(c.recipe["weight_decay"]))
        for c in first
        for o in [c.recipe["optimizer"]]
    ]
    assert len(set(places)) == len(places)


def test_options_stay_within_what_the_file_offers_and_half_the_points_leave_them():
    found = configurations(RECIPE, {"tunes": {"depth": (2, 8), "head": ["a", "b"]}}, 25)
    drawn = [c.options for c in found if c.options]
    assert len(drawn) == 12
    assert {type(o["depth"]) for o in drawn} == {int}
    assert all(2 <= o["depth"] <= 8 for o in drawn)
    assert {o["head"] for o in drawn} == {"a", "b"}
    wide = [c.options["tau"] for c in configurations(RECIPE, {"tunes": {"tau": (0.5, 50.0)}}, 41) if c.options]
    assert min(wide) < 2 < 12 < max(wide)
    assert all(0.5 <= tau <= 50 for tau in wide)


def test_further_points_come_after_the_budget_and_change_none_of_it():
    more = configurations(RECIPE, OFFER, 8, further=3)
    assert more[:8] == configurations(RECIPE, OFFER, 8)
    assert [c.origin for c in more[8:]] == ["added"] * 3
    assert recipes(more) == recipes(configurations(RECIPE, OFFER, 11))


def test_no_configuration_is_tried_twice_and_a_space_may_end():
    paper = {"optimizer": "sgd", "lr": 0.01}
    found = configurations(RECIPE.changed({"weight_decay": 5e-4}), {"recipe": paper}, 32, further=200)
    said = [(c.recipe, c.options) for c in found]
    assert all(each not in said[:i] for i, each in enumerate(said))
    assert 56 <= len(found) <= 58
    assert [c.number for c in found] == list(range(len(found)))
    assert {c.origin for c in found[32:]} == {"added"}


@pytest.mark.parametrize("name", METHOD_IDS)
def test_every_point_of_a_methods_search_is_an_optimiser_that_makes_a_step(name):
    for configuration in configurations(RECIPE, method_metadata(ROOT / METHODS / f"{name}.py"), 10):
        weights = torch.nn.Parameter(torch.ones(2, 2))
        weights.grad = torch.ones(2, 2)
        build_optimizer([weights], RECIPE.model_copy(update=configuration.recipe)).step()
        assert not torch.equal(weights, torch.ones(2, 2)), configuration
