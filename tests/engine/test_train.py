"""The engine adds nothing to a method's arithmetic, keeps modules apart, and repeats itself to the bit."""

import math

import pytest
import torch
import torch.nn.functional as F
from conftest import METHOD_IDS, make_method, sampled
from training import RECIPE, train

from benchmark.engine.cutting.backbone import create_backbone
from benchmark.engine.measuring.isolation import leak_at_start, leaks, moved_modules
from benchmark.engine.measuring.world import World
from benchmark.engine.training.evaluate import accuracy
from benchmark.engine.training.method import Phase
from benchmark.engine.training.seeding import derive_seed, seeded
from benchmark.engine.training.train import (
    Diverged,
    build_optimizer,
    build_optimizers,
    set_phase,
    train_phase,
    train_step,
)
from benchmark.submitting.check.trials import left_weights


def plain_loop(model, loader):
    """What a user would write: one optimiser over the uncut model, SGD and a schedule by hand."""
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=RECIPE.lr,
        momentum=RECIPE.momentum,
        weight_decay=RECIPE.weight_decay,
        nesterov=True,
    )
    steps, warmup, seen = RECIPE.epochs * len(loader), round(RECIPE.warmup_epochs * len(loader)), []
    model.train()
    for epoch in range(RECIPE.epochs):
        for i, batch in enumerate(loader.epoch(epoch)):
            t = epoch * len(loader) + i
            ramp = RECIPE.warmup_lr + t * (RECIPE.lr - RECIPE.warmup_lr) / max(warmup, 1)
            optimizer.param_groups[0]["lr"] = (
                ramp if t < warmup else 0.5 * RECIPE.lr * (1 + math.cos(math.pi * t / steps))
            )
            optimizer.zero_grad()
            loss = F.cross_entropy(model(batch.x), batch.y)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
    return seen


@pytest.mark.parametrize("k", [1, 4])
def test_e2ebp_is_a_plain_loop_over_the_uncut_model(k, digits, loader):
    with seeded("weights", "cifar_resnet8", 0):
        model = create_backbone("cifar_resnet8", 10, 1, 8)
    expected = plain_loop(model, loader)
    method = make_method("e2ebp", k, digits)
    assert train(method, loader) == pytest.approx(expected, rel=1e-6)
    batch = next(loader.epoch(0))
    torch.testing.assert_close(method.predict(batch.x), model(batch.x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sampled(METHOD_IDS, 3))  # of all: their trajectories are those of another process
def test_same_seed_same_losses_to_the_bit(name, digits, loader):
    runs = []
    for draws in (0, 1):
        torch.manual_seed(draws)  # the state of the global generator must not matter before the engine seeds it
        method = make_method(name, 2, digits)
        torch.manual_seed(0)
        runs.append(train(method, loader))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("k", [pytest.param(2, marks=pytest.mark.further), 4])
@pytest.mark.parametrize("name", sampled(METHOD_IDS, 3))  # of all: whoever has a record that says so
def test_a_method_that_claims_isolation_is_isolated(name, k, digits, loader):
    batches = list(loader.epoch(0))

    def fresh():
        return World(make_method(name, k, digits), RECIPE, torch.device("cpu"))

    assert leak_at_start(fresh, lambda phase, count: batches[:count]) is None


def test_a_leak_is_found(digits, loader):
    method = make_method("greedy_sl", 2, digits)

    def losses_without_detach(batch):
        yield method.local_loss(0, method.modules[0](batch.x), batch)
        yield F.cross_entropy(method.predict(batch.x), batch.y)

    method.losses = losses_without_detach
    assert leaks(method, next(loader.epoch(0))) == [(0, 1)]


@pytest.mark.parametrize(("name", "moved"), [("e2ebp", [(0, 1, 2, 3)]), ("greedy_sl", [(0,), (1,), (2,), (3,)])])
def test_the_modules_that_a_loss_moves_are_found(name, moved, digits, loader):
    method = make_method(name, 4, digits)
    set_phase(method, method.phase)
    assert moved_modules(method, next(loader.epoch(0))) == moved


@pytest.mark.parametrize("name", sampled(METHOD_IDS, 3))
def test_checking_isolation_leaves_no_trace(name, digits, loader):
    method = make_method(name, 2, digits)
    before = {k: v.clone() for k, v in method.modules.state_dict().items()}
    state = torch.get_rng_state()
    leaks(method, next(loader.epoch(0)))
    after = method.modules.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in method.modules.parameters())


@pytest.mark.parametrize("name", sampled(METHOD_IDS, 3))  # of all: `beyond check`
def test_evaluation_leaves_no_trace(name, digits, loader):
    method = make_method(name, 2, digits)
    before = {k: v.clone() for k, v in method.modules.state_dict().items()}
    modes = [m.training for m in method.modules.modules()]
    accuracy(method, loader)
    assert all(torch.equal(before[k], v) for k, v in method.modules.state_dict().items())
    assert modes == [m.training for m in method.modules.modules()]


def test_accuracy_counts_right_answers(digits, loader):
    method = make_method("e2ebp", 1, digits)
    method.predict = lambda x: F.one_hot(torch.zeros(len(x), dtype=torch.long), 10).float()
    labels = torch.cat([batch.y for batch in loader.epoch(0)])
    top1, top10 = accuracy(method, loader, top=(1, 10))
    assert top1 == pytest.approx(100 * (labels == 0).double().mean().item())
    assert top10 == 100


def test_frozen_modules_do_not_move_and_are_in_eval_mode(digits, loader):
    method = make_method("modular_kernel", 2, digits)
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in method.modules]
    train_phase(method, Phase(trains=(1,)), loader, RECIPE, lambda: None)
    moved = [
        any(not torch.equal(v, b[k]) for k, v in m.state_dict().items())
        for m, b in zip(method.modules, before, strict=True)
    ]
    assert moved == [False, True]
    assert not any(m.training for m in method.modules[0].modules())


@pytest.mark.parametrize("name", sampled(METHOD_IDS, 3))  # of all: `beyond check`
def test_all_weights_of_a_phase_move(name, digits, loader):
    """No module, no auxiliary network is built and then left without a gradient, but what is said to stay."""
    method = make_method(name, 4, digits)
    batch, left = next(loader.epoch(0)), left_weights(method)
    for phase in method.phases():
        set_phase(method, phase)
        parts = [part for k in phase.trains for part in (method.modules[k], method.auxiliaries[k])]
        before = [[p.clone() for p in part.parameters()] for part in parts]
        optimizers = build_optimizers(method, RECIPE, phase)
        for _ in range(method.lag + 2):  # a zero-initialised layer passes no gradient on in the first step
            train_step(method, batch, optimizers)
        for part, old in zip(parts, before, strict=True):
            weights = zip(part.parameters(), old, strict=True)
            assert not any(torch.equal(a, b) for a, b in weights if a not in left)


def test_gradients_of_a_module_are_gone_before_the_next_one_is_built(digits, loader):
    method = make_method("greedy_sl", 4, digits)
    set_phase(method, method.phase)
    optimizers = build_optimizers(method, RECIPE, method.phase)
    alive = []
    original = method.local_loss

    def local_loss(k, h, batch):
        alive.append(sum(p.grad is not None for p in method.modules.parameters()))
        return original(k, h, batch)

    method.local_loss = local_loss
    train_step(method, next(loader.epoch(0)), optimizers)
    assert alive == [0, 0, 0]


def test_a_loss_that_is_nan_at_step_3_is_named(digits, loader):
    method = make_method("greedy_sl", 2, digits)
    calls = []
    original = method.local_loss

    def local_loss(k, h, batch):
        calls.append(k)
        return original(k, h, batch) * (float("nan") if len(calls) == 4 else 1.0)

    method.local_loss = local_loss
    with pytest.raises(Diverged, match="Loss 0 became nan at epoch 0, step 3"):
        train_phase(method, Phase((0, 1)), loader, RECIPE, lambda: None)


def test_seeds_hang_on_all_axes_and_on_nothing_else():
    assert derive_seed("data", "digits", 1) == derive_seed("data", "digits", 1)
    assert len({derive_seed("data", s, n) for s in ("a", "b") for n in range(50)}) == 100
    assert derive_seed("ab", "c") != derive_seed("a", "bc")


def test_all_methods_start_from_the_same_weights(digits):
    one, other = (make_method(name, 2, digits).modules.state_dict() for name in ("e2ebp", "infopro"))
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_sgd_without_momentum_is_gradient_descent():
    weights = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = build_optimizer([weights], RECIPE.model_copy(update={"lr": 0.5, "momentum": 0.0, "weight_decay": 0.0}))
    for _ in range(2):
        weights.grad = torch.full((2, 2), 0.25)
        optimizer.step()
    assert torch.equal(weights, torch.full((2, 2), 0.75))
