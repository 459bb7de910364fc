"""Dual propagation: backpropagation where nothing bends, and the paper's equations where a ReLU does."""

import numpy as np
import pytest
import torch
from linear import error, perceptron, vectors


def gradients(method, batch):
    for loss in method.losses(batch):
        loss.backward()
    return [p.grad for p in method.modules.parameters()]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_a_small_nudge_gives_backpropagations_gradient(alpha):
    batch = vectors(seed=1, count=8)
    found = gradients(perceptron("dual_propagation", {"alpha": alpha, "beta": 1e-6}), batch)
    for a, b in zip(found, gradients(perceptron("e2ebp"), batch), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.8])
def test_a_large_nudge_by_the_papers_equations(alpha):
    beta, batch = 5.0, vectors(seed=1, count=8)
    method = perceptron("dual_propagation", {"alpha": alpha, "beta": beta})
    found = gradients(method, batch)
    w = [p.detach().numpy() for p in method.modules.parameters()]
    x, y = batch.x.numpy(), batch.y.numpy()

    def relu(a):
        return np.maximum(a, 0)

    s1 = relu(x @ w[0].T)
    s2 = relu(s1 @ w[1].T)
    pred = s2 @ w[2].T
    plus, minus, bar = {}, {}, {0: x, 1: s1, 2: s2}  # the authors' sweep "bwK": each layer sees the old states below
    fb = beta * error(pred, y)
    plus[3], minus[3] = bar[2] @ w[2].T - (1 - alpha) * fb, bar[2] @ w[2].T + alpha * fb
    for k in (2, 1):
        ff, fb = bar[k - 1] @ w[k - 1].T, (plus[k + 1] - minus[k + 1]) @ w[k]
        plus[k], minus[k] = relu(ff + (1 - alpha) * fb), relu(ff - alpha * fb)
        bar[k] = alpha * plus[k] + (1 - alpha) * minus[k]
        assert np.abs(plus[k] - minus[k] - fb * (ff > 0)).max() > 0.001  # some unit bends
    for k in (1, 2, 3):
        expected = -(plus[k] - minus[k]).T @ bar[k - 1] / beta / len(x)
        np.testing.assert_allclose(found[k - 1].numpy(), expected, rtol=1e-10, atol=1e-14)
