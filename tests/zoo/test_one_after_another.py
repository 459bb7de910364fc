"""Strictly modular methods: modules learn in turn, each to the end, and what was learnt stays."""

import pytest
import torch
from conftest import make_method
from handmade import RECIPE, build, pictures
from torch import nn

from benchmark.engine.measuring.isolation import leaks
from benchmark.engine.training.method import ModularMethod
from benchmark.engine.training.train import build_optimizers, set_phase, train_step

IN_TURN = ("greedy_layerwise", "deep_cascade", "boostresnet", "sufficient_labels")


def states(parts: nn.ModuleList) -> list[dict[str, torch.Tensor]]:
    return [{name: value.clone() for name, value in part.state_dict().items()} for part in parts]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, b[name]) for name, value in a.items())


@pytest.mark.parametrize("name", IN_TURN)
def test_only_the_module_of_the_phase_and_its_auxiliary_network_move(name: str) -> None:
    method, batch = build(name), pictures()
    assert isinstance(method, ModularMethod)
    for phase in method.phases():
        set_phase(method, phase)
        modules, auxiliaries = states(method.modules), states(method.auxiliaries)
        optimizers = build_optimizers(method, RECIPE, phase)
        values = [train_step(method, batch, optimizers)[0].item() for _ in range(20)]
        assert values[-1] < values[0]
        for k, (module, auxiliary) in enumerate(zip(method.modules, method.auxiliaries, strict=True)):
            trained = (k,) == phase.trains
            assert same(modules[k], module.state_dict()) != trained
            assert same(auxiliaries[k], auxiliary.state_dict()) != (trained and len(auxiliary.state_dict()) > 0)


@pytest.mark.parametrize("name", ["greedy_layerwise", "deep_cascade", "boostresnet"])
@pytest.mark.parametrize("k", [1, 3])
def test_every_module_has_a_full_budget_and_all_labels(name: str, k: int) -> None:
    phases = build(name, k=k).phases()
    assert [(p.trains, p.share, p.labels, p.labels_per_class) for p in phases] == [
        ((i,), 1.0, "full", None) for i in range(k)
    ]


@pytest.mark.parametrize("name", IN_TURN)
def test_no_loss_reaches_another_module_of_a_real_network(name: str, digits, loader) -> None:
    method = make_method(name, 4, digits)
    assert leaks(method, next(loader.epoch(0))) == []
