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


def test_two_steps_of_inference_by_hand():
    gamma, batch = 0.4, vectors(seed=2)
    method = build_linear("predictive_coding", *WIDTHS, options={"steps": 2, "gamma": gamma})
    a, c, e = weights(method)
    x, y = batch.x.numpy(), batch.y.numpy()
    z = x @ a.T
    v = z @ c.T
    for _ in range(2):
        low, high = z - x @ a.T, v - z @ c.T
        z, v = z - gamma * (low - high @ c), v - gamma * (high + error(v @ e.T, y) @ e)
    low, high = x @ a.T - z, z @ c.T - v
    expected = [low.T @ x, high.T @ z, error(v @ e.T, y).T @ v]
    for gradient, other in zip(gradients(method, batch), expected, strict=True):
        np.testing.assert_allclose(gradient.numpy(), other / len(batch), rtol=1e-12, atol=1e-15)


def test_incremental_learning_adds_the_steps():
    batch, total = vectors(seed=1), None
    for steps in (1, 2, 3):
        found = gradients(build_linear("predictive_coding", *WIDTHS, options={"steps": steps}), batch)
        total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    options = {"steps": 3, "incremental": True}
    for a, b in zip(gradients(build_linear("predictive_coding", *WIDTHS, options=options), batch), total, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-15)
