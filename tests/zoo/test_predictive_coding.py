"""Predictive coding: where it meets backpropagation, and what its energy is."""

import numpy as np
import pytest
import torch
from linear import build_linear, error, vectors, weights

WIDTHS = [6, 5], [5, 7], [7, 4]


def gradients(method, batch):
    for loss in method.losses(batch):
        loss.backward()
    return [p.grad for p in method.modules.parameters()]


def test_after_one_step_of_inference_the_last_hidden_module_learns_as_by_backpropagation():
    """Z-IL (Song et al. 2020): with γ = 1 the error that arrives first is backpropagation's, to the last digit."""
    batch = vectors(seed=1)
    found = gradients(build_linear("predictive_coding", *WIDTHS, options={"steps": 1, "gamma": 1.0}), batch)
    true = gradients(build_linear("e2ebp", *WIDTHS), batch)
    torch.testing.assert_close(found[1], true[1], rtol=1e-12, atol=1e-15)
    assert not found[0].any()  # it has not arrived there


@pytest.mark.parametrize("centred", [False, True])
def test_at_the_energys_minimum_a_small_nudge_gives_backpropagations_gradient(centred):
    batch = vectors(seed=1)
    options = {"steps": 400, "gamma": 0.3, "nudge": 1e-5, "centred": centred}
    found = gradients(build_linear("predictive_coding", *WIDTHS, options=options), batch)
    for a, b in zip(found, gradients(build_linear("e2ebp", *WIDTHS), batch), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def by_hand(method, batch, beta):
    """∂F/∂w / β of the three modules after two steps of inference."""
    gamma = method.options.gamma
    a, c, e = weights(method)
    x, y = batch.x.numpy(), batch.y.numpy()
    z = x @ a.T
    v = z @ c.T
    for _ in range(2):
        low, high = z - x @ a.T, v - z @ c.T
        z, v = z - gamma * (low - high @ c), v - gamma * (high + beta * error(v @ e.T, y) @ e)
    low, high = x @ a.T - z, z @ c.T - v
    slopes = [low.T @ x, high.T @ z, beta * error(v @ e.T, y).T @ v]
    return [slope / beta / len(batch) for slope in slopes]


def test_two_steps_of_inference_by_hand():
    batch = vectors(seed=2)
    method = build_linear("predictive_coding", *WIDTHS, options={"steps": 2, "gamma": 0.4})
    for gradient, other in zip(gradients(method, batch), by_hand(method, batch, beta=1.0), strict=True):
        np.testing.assert_allclose(gradient.numpy(), other, rtol=1e-12, atol=1e-15)


def test_a_centred_nudge_has_either_sign_and_slopes_are_divided_by_it():
    batch, met = vectors(seed=2), []
    options = {"steps": 2, "gamma": 0.4, "nudge": 0.5, "centred": True}
    method = build_linear("predictive_coding", *WIDTHS, options=options)
    expected = {beta: by_hand(method, batch, beta) for beta in (0.5, -0.5)}
    for _ in range(24):
        method.modules.zero_grad()
        found = gradients(method, batch)
        met += [beta for beta, row in expected.items() if all(map(np.allclose, found, row))]
    assert len(met) == 24  # each draw is one of the two
    assert set(met) == {0.5, -0.5}


def test_incremental_learning_adds_the_steps():
    batch, total = vectors(seed=1), None
    for steps in (1, 2, 3):
        found = gradients(build_linear("predictive_coding", *WIDTHS, options={"steps": steps}), batch)
        total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    options = {"steps": 3, "incremental": True}
    for a, b in zip(gradients(build_linear("predictive_coding", *WIDTHS, options=options), batch), total, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-15)
