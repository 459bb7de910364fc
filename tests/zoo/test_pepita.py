"""PEPITA: its updates by the paper's equations, on linear layers."""

import numpy as np
from handmade import TASK, build, pictures
from linear import error, weights
from torch import nn


def test_updates_of_linear_layers_by_hand():
    method, batch = build("pepita", {"strength": 0.5}), pictures(8)
    for k, (a, b) in enumerate([(3 * 8 * 8, 5), (5, 7), (7, 4)]):
        method.modules[k] = nn.Sequential(nn.Flatten(), nn.Linear(a, b, bias=False))
    method.modules.double()
    method.auxiliaries.double()
    batch.x = batch.x.double()
    for loss in method.losses(batch):
        loss.backward()
    w = weights(method)
    x, y = batch.x.flatten(1).numpy(), batch.y.numpy()

    def states(x):
        h = [x]
        for weight in w:
            h.append(h[-1] @ weight.T)
        return h

    h = states(x)
    fixed = method.auxiliaries[0].weight.flatten(1).numpy()
    assert np.abs(fixed).max() <= 0.5 * np.sqrt(6 / x.shape[1])
    again = states(x + error(h[-1], y) @ fixed)
    expected = [(h[k] - again[k]).T @ again[k - 1] for k in (1, 2)] + [error(again[3], y).T @ again[2]]
    for p, other in zip(method.modules.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), other / len(x), rtol=1e-10, atol=1e-14)
    assert fixed.shape == (TASK.classes, x.shape[1])
