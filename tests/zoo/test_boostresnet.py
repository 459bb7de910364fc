"""BoostResNet: its weights, its loss and the telescoping sum against the paper's equations in numpy."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from handmade import build, pictures
from torch import Tensor

from benchmark.engine.pictures.data import Batch
from benchmark.engine.training.method import Method
from benchmark.engine.training.train import set_phase

CLASSES, COUNT = 4, 12


def functions() -> SimpleNamespace:
    """What the method's file defines."""
    return SimpleNamespace(**type(build("boostresnet")).losses.__globals__)


def costs(state: np.ndarray, y: np.ndarray) -> np.ndarray:
    """exp( s(i, l) - s(i, y_i) ) for l != y_i, else 0: one number at a time."""
    found = np.zeros_like(state)
    for i, label in enumerate(y):
        for wrong in range(state.shape[1]):
            if wrong != label:
                found[i, wrong] = np.exp(state[i, wrong] - state[i, label])
    return found


def expected_loss(state: np.ndarray, later: np.ndarray, y: np.ndarray) -> float:
    """Of the weak hypothesis between two states: their exponential losses' quotient."""
    r = costs(later, y).sum() / costs(state, y).sum()
    return r if r <= 1 else 1 + np.log(r)


@pytest.fixture
def case() -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    state, later = torch.randn(2, COUNT, CLASSES, generator=draw, dtype=torch.float64)
    return state, later, torch.randint(CLASSES, (COUNT,), generator=draw)


def test_the_weights_are_the_normalised_costs(case) -> None:
    state, _, y = case
    weights = functions().log_weights(state, y).exp()
    expected = costs(state.numpy(), y.numpy())
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-12)
    assert weights.sum().item() == pytest.approx(1)
    assert (weights.gather(1, y[:, None]) == 0).all()


@pytest.mark.parametrize("gain", [-2.0, 3.0])  # a worse and a better hypothesis: r above and below 1
def test_the_loss_is_the_quotient_of_exponential_losses(case, gain: float) -> None:
    state, later, y = case
    later = later + gain * torch.nn.functional.one_hot(y, CLASSES)
    loss = functions().boosted_loss(later - state, state, y)
    assert loss.item() == pytest.approx(expected_loss(state.numpy(), later.numpy(), y.numpy()), rel=1e-12)
    assert (loss > 1) == (gain < 0)


@pytest.mark.parametrize("gain", [-2.0, 3.0])
def test_the_loss_has_the_slope_of_the_weighted_sum_but_never_more(case, gain: float) -> None:
    state, later, y = case
    weak = (later + gain * torch.nn.functional.one_hot(y, CLASSES) - state).requires_grad_()
    (slope,) = torch.autograd.grad(functions().boosted_loss(weak, state, y), weak)
    terms = functions().log_weights(state, y).exp() * (weak - weak.gather(1, y[:, None])).exp()
    (plain,) = torch.autograd.grad(terms.sum(), weak)
    torch.testing.assert_close(slope, plain / max(1.0, terms.sum().item()))


def states_of(method: Method, x: Tensor) -> list[np.ndarray]:
    """α_t o_t of every module in turn, from the weights: 0 at first."""
    found, h = [np.zeros((len(x), CLASSES))], x
    for k, (module, auxiliary) in enumerate(zip(method.modules, method.auxiliaries, strict=True)):
        h = module(h)
        logits = h.detach().numpy()
        if k < method.last:
            linear = auxiliary.logits.linear
            logits = logits.mean((2, 3)) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        found.append(np.log1p(np.exp(auxiliary.raw_alpha.item())) * probabilities)
    return found


@pytest.fixture
def network() -> tuple[Method, Batch]:
    """A network in float64, in evaluation, with a different α for every module."""
    method, batch = build("boostresnet"), pictures(COUNT)
    method.modules.double(), method.auxiliaries.double()
    for k, auxiliary in enumerate(method.auxiliaries):
        auxiliary.raw_alpha.data.fill_(0.5 - 0.4 * k)
    return method, Batch(batch.raw, batch.y, batch.task, batch.x.double())


def losses_in_evaluation(method: Method, batch: Batch) -> list[float]:
    found = []
    for phase in method.phases():
        set_phase(method, phase)
        method.modules.eval()
        found += [loss.item() for loss in method.losses(batch)]
    return found


def test_each_module_is_boosted_with_the_state_before_it(network) -> None:
    method, batch = network
    losses = losses_in_evaluation(method, batch)
    states, y = states_of(method, batch.x), batch.y.numpy()
    expected = [expected_loss(a, b, y) for a, b in pairwise(states)]
    np.testing.assert_allclose(losses, expected, rtol=1e-10)


def test_the_losses_of_all_modules_telescope_to_that_of_the_network(network) -> None:
    method, batch = network
    quotients = [loss if loss <= 1 else np.exp(loss - 1) for loss in losses_in_evaluation(method, batch)]
    probabilities = method.predict(batch.x).softmax(1).detach().numpy()
    last = costs(np.log1p(np.exp(method.auxiliaries[-1].raw_alpha.item())) * probabilities, batch.y.numpy())
    assert np.prod(quotients) == pytest.approx(last.sum() / (COUNT * (CLASSES - 1)), rel=1e-10)


def test_nothing_of_the_module_before_gets_a_gradient(network) -> None:
    method, batch = network
    method.phase = method.phases()[1]  # nothing frozen by hand
    next(iter(method.losses(batch))).backward()
    for k in range(3):
        parameters = [*method.modules[k].parameters(), *method.auxiliaries[k].parameters()]
        assert all((p.grad is not None) == (k == 1) for p in parameters)


def test_every_hypothesis_starts_with_a_weight_of_one() -> None:
    method = build("boostresnet")
    for k, auxiliary in enumerate(method.auxiliaries):
        states = auxiliary(torch.randn(5, *method.outputs[k].shape))
        torch.testing.assert_close(states.sum(1), torch.ones(5))
