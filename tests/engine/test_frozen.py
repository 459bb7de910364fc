"""What was frozen before training stays frozen, through all phases, in every kind of method."""

import copy

import pytest
import timm
import torch
from conftest import make_method, small_suite
from handmade import TASK, network
from torch import nn

from benchmark.engine.cutting.partition import cut
from benchmark.engine.load import load_dataset, load_method
from benchmark.engine.measuring.cost import simulate
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import build_optimizers, set_phase, train_step
from benchmark.errors import CannotCut, UserError

RECIPE = small_suite().recipe.model_copy(update={"lr": 0.1})
ONE_OF_EACH = [("e2ebp", 1), ("dgl", 3), ("greedy_layerwise", 2), ("hsic_bottleneck", 2), ("fa", 3)]


def steps(method, loader, count=3):
    """A few steps of every phase."""
    for phase in method.phases():
        set_phase(method, phase)
        optimizers = build_optimizers(method, RECIPE, phase)
        for _, batch in zip(range(count), loader.epoch(0), strict=False):
            train_step(method, batch, optimizers)


def names_that_moved(method, before):
    return {name for name, p in method.modules.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize(("name", "k"), ONE_OF_EACH)
def test_a_weight_that_was_frozen_never_moves_and_all_others_do(name, k, digits, loader):
    method = make_method(name, k, digits)
    frozen = {n for n, _ in method.modules.named_parameters() if "bn1" in n or n.endswith("conv1.weight")}
    for n, p in method.modules.named_parameters():
        p.requires_grad_(n not in frozen)
    before = {n: p.detach().clone() for n, p in method.modules.named_parameters()}
    steps(method, loader)
    assert names_that_moved(method, before) == before.keys() - frozen


@pytest.mark.parametrize(("name", "k"), [("dgl", 3), ("dfa", 3), ("fa", 3), ("greedy_layerwise", 2)])
def test_a_module_that_was_frozen_whole_stays_and_the_others_learn(name, k, digits, loader):
    method = make_method(name, k, digits)
    method.modules[0].requires_grad_(False)
    before = {n: p.detach().clone() for n, p in method.modules.named_parameters()}
    steps(method, loader)
    moved = names_that_moved(method, before)
    assert not any(n.startswith("0.") for n in moved)
    assert moved == {n for n in before if not n.startswith("0.")}


def test_what_an_earlier_phase_froze_learns_in_a_later_method():
    """The engine freezes modules too; that is no user's wish."""
    partition = network(3)
    greedy, again = (load_method("greedy_layerwise")(partition, TASK) for _ in range(2))
    for phase in greedy.phases():
        set_phase(greedy, phase)
    set_phase(again, again.phases()[0])
    assert all(p.requires_grad for p in again.modules[0].parameters())


def test_a_frozen_batchnorm_keeps_its_statistics_if_it_was_in_eval_mode_too(digits, loader):
    method = make_method("dgl", 2, digits)
    norms = [part for part in method.modules.modules() if isinstance(part, nn.BatchNorm2d)]
    both, weights_only, mode_only, untouched = norms[:4]
    both.eval().requires_grad_(False)
    weights_only.requires_grad_(False)
    mode_only.eval()
    before = [n.running_mean.clone() for n in norms]
    steps(method, loader)
    moved = [not torch.equal(n.running_mean, old) for n, old in zip(norms, before, strict=True)]
    assert moved[:4] == [False, True, True, True]
    assert [n.training for n in (both, weights_only, mode_only, untouched)] == [False, True, True, True]


def test_a_simulation_knows_what_is_frozen_and_says_less_work(digits):
    def build():
        return make_method("dgl", 2, digits)

    def build_frozen():
        method = build()
        method.modules[0].requires_grad_(False)
        return method

    whole, part = (simulate(b, RECIPE, load_dataset("digits").task, 16) for b in (build, build_frozen))
    assert part.step_flops < whole.step_flops
    assert part.parameters == whole.parameters


def test_a_copy_of_a_method_knows_what_was_frozen(digits, loader):
    method = make_method("dgl", 2, digits)
    method.modules[0].requires_grad_(False)
    set_phase(method, method.phases()[0])
    twin = copy.deepcopy(method)
    set_phase(twin, twin.phases()[0])
    assert not any(p.requires_grad for p in twin.modules[0].parameters())
    assert all(p.requires_grad for p in twin.modules[1].parameters())


@pytest.mark.parametrize("headless", [{"num_classes": 0}, {"num_classes": 10}])
def test_a_headless_model_is_refused(headless):
    model = timm.create_model("resnet18", **headless)
    if headless["num_classes"]:
        model.reset_classifier(0)
    with pytest.raises(CannotCut, match=r"ResNet cannot be cut: it has no classifier \(num_classes=0\)"):
        cut(model, 2, input_shape=(3, 32, 32))


def test_a_method_refuses_a_network_whose_logits_are_not_the_classes():
    partition = cut(timm.create_model("resnet18", num_classes=7), 2, input_shape=(3, 8, 8))
    with pytest.raises(UserError, match=r"ends in \(B, 7\), not in the \(B, 4\) logits of 4 classes"):
        Method(partition, TASK)


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "convnext_atto", "densenet121"])
def test_gradient_checkpointing_is_refused_rather_than_lost(name):
    size = 224 if name.startswith("vit") else 64
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=10)
    model.set_grad_checkpointing(True)
    with pytest.raises(
        CannotCut, match=r"cannot be cut with gradient checkpointing on.*set_grad_checkpointing\(False\)"
    ):
        cut(model, 2, input_shape=(3, size, size))
    model.set_grad_checkpointing(False)
    assert len(cut(model, 2, input_shape=(3, size, size)).modules) == 2
