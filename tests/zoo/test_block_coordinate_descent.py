"""Block coordinate descent: the closed form at a ReLU, a sweep in numpy, and backpropagation where nothing bends."""

import numpy as np
import pytest
import torch
from handmade import build
from linear import error, perceptron, vectors, weights


def gradients(method, batch):
    for loss in method.losses(batch):
        loss.backward()
    return [p.grad for p in method.modules.parameters()]


@pytest.mark.parametrize(("gamma", "alpha"), [(1.0, 5.0), (3.0, 0.5)])
def test_the_closed_form_at_a_relu_has_the_least_cost(gamma, alpha):
    method = build("block_coordinate_descent", {"gamma": gamma, "alpha": alpha})
    change, a = (4 * torch.rand(2, 200, generator=torch.Generator().manual_seed(0)) - 2).double()
    grid = torch.linspace(-5, 5, 10001, dtype=torch.float64)[:, None]
    for bent, sigma in ((True, grid.relu()), (False, grid)):
        costs = gamma * ((a.relu() if bent else a) + change - sigma) ** 2 + (1 + alpha) * (grid - a) ** 2
        found = a + method.moved(change, a, bent)
        torch.testing.assert_close(found, grid[costs.argmin(0), 0], rtol=0, atol=6e-4)


def test_a_sweep_by_the_papers_equations():
    gamma, rho, alpha, batch = 0.3, 0.2, 0.05, vectors(seed=1, count=8)
    method = perceptron("block_coordinate_descent", {"gamma": gamma, "rho": rho, "alpha": alpha})
    method.modules[2][0].weight.data *= 3
    found = gradients(method, batch)
    a, b, c = weights(method)
    x, y = batch.x.numpy(), batch.y.numpy()

    def settled(v, g):
        held = rho + alpha
        up, down = np.maximum((gamma * v + held * g) / (gamma + held), 0), np.minimum(g, 0)
        cost = [gamma * (v - np.maximum(u, 0)) ** 2 + held * (u - g) ** 2 for u in (up, down)]
        return np.where(cost[0] < cost[1], up, down)

    g1 = x @ a.T
    v1 = np.maximum(g1, 0)
    g2 = v1 @ b.T
    v2 = np.maximum(g2, 0)
    e = error(v2 @ c.T, y)
    top = v2 @ c.T - e / (gamma + alpha)
    u3 = (gamma * top + (rho + alpha) * (v2 @ c.T)) / (gamma + rho + alpha)
    u2 = settled(v2 + rho / (gamma + rho) * (u3 - v2 @ c.T) @ c, g2)
    u1 = settled(v1 + rho / (gamma + rho) * (u2 - g2) @ b, g1)
    assert ((u2 > 0) & (g2 < 0)).any()  # a silent unit wakes
    size = np.linalg.norm(e @ c)
    for gradient, d, below in ((found[0], u1 - g1, x), (found[1], u2 - g2, v1)):
        expected = -size / np.linalg.norm(d) * d.T @ below / len(x)
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(found[2].numpy(), e.T @ v2 / len(x), rtol=1e-10, atol=1e-14)


def test_small_changes_have_the_direction_of_backpropagation():
    batch = vectors(seed=1, count=8)
    found = gradients(perceptron("block_coordinate_descent", {"alpha": 1e3}), batch)
    for a, b in zip(found, gradients(perceptron("e2ebp"), batch), strict=True):
        torch.testing.assert_close(a / a.norm(), b / b.norm(), rtol=1e-6, atol=1e-9)
